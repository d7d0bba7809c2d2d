package hosts_test

import (
	"testing"

	"github.com/partita-dev/partita/internal/hosts"
)

func TestOwn(t *testing.T) {
	for host, own := range map[string]bool{
		"": true, "localhost": true, "LOCALHOST.": true, "localhost:8080": true, "shop.localhost:8080": true,
		"127.0.0.1": true, "127.0.0.1:8080": true, "[::1]": true, "[::1]:8080": true, "10.1.2.3:80": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.nip.io": false, "notlocalhost": false,
	} {
		if got := hosts.Own(hosts.Name(host)); got != own {
			t.Errorf("%q: %v", host, got)
		}
	}
}
