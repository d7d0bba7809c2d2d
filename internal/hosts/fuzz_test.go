package hosts_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/hosts"
)

// FuzzHost takes only plain addresses and localhost for this machine's own, however they are written.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"localhost", "LOCALHOST.:80", "127.0.0.1:8080", "[::1]:80", "[::1", "::1", "a.example", "127.0.0.1.a.example", "127.0.0.1@a.example", ":80", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		name := hosts.Name(host)
		if name == "" || !hosts.Own(name) {
			return
		}
		if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err != nil && !strings.EqualFold(strings.TrimSuffix(name, "."), "localhost") && !strings.HasSuffix(name, ".localhost") {
			t.Errorf("%q is taken for this machine's own", host)
		}
	})
}
