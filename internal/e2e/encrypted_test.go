package e2e

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/partita-dev/partita/internal/certtest"
	"github.com/partita-dev/partita/internal/local"
	"github.com/partita-dev/partita/internal/pgtest"
	"github.com/partita-dev/partita/internal/redistest"
)

// A node speaks TLS to its database, bus and cache by their URLs alone, and trusts those whom the
// database's URL and SSL_CERT_FILE name.
func TestNodesSpeakTLSToWhatTheyStandOn(t *testing.T) {
	ca := certtest.New(t)
	pair := ca.Issue(t, "server", time.Hour)
	database := encryptedPostgres(t, pair)
	cachePort, err := local.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	redistest.New(t, "--tls-port", fmt.Sprint(cachePort), "--tls-cert-file", pair.Cert, "--tls-key-file", pair.Key, "--tls-ca-cert-file", ca.File, "--tls-auth-clients", "no")
	bus, err := server.NewServer(&server.Options{
		ServerName: "encrypted", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 4 << 30,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair.Load(t)}, MinVersion: tls.VersionTLS12}, TLSTimeout: 10, Username: "me", Password: "of the bus",
	})
	if err != nil {
		t.Fatal(err)
	}
	bus.Start()
	t.Cleanup(func() {
		bus.Shutdown()
		bus.WaitForShutdown()
	})
	if !bus.ReadyForConnections(time.Minute) {
		t.Fatal("the bus does not start")
	}
	busURL := fmt.Sprintf("tls://me:of%%20the%%20bus@%s", bus.Addr())
	cacheURL := fmt.Sprintf("rediss://127.0.0.1:%d", cachePort)

	stranger := &process{Source: places, Dir: t.TempDir(), Store: database + "?sslmode=require", Bus: []string{busURL}, Cache: cacheURL, Node: "stranger"}
	stranger.start(t)
	awaitReasons(t, stranger, func(said []string) bool { return len(said) >= 2 }) // bus and cache: who trusts nobody is not connected
	t.Setenv("SSL_CERT_FILE", ca.File)
	p := &process{Source: places, Dir: t.TempDir(), Store: database + "?sslmode=verify-full&sslrootcert=" + ca.File, Bus: []string{busURL}, Cache: cacheURL, Node: "encrypted"}
	p.start(t)
	awaitReasons(t, p, func(said []string) bool { return len(said) == 0 })
	res, err := http.Post(p.base+"/v1/count", "application/json", strings.NewReader(`{"place_id":"p","n":1}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode >= 300 {
		t.Error(res.Status)
	}
}

// encryptedPostgres starts a PostgreSQL that takes TLS, and gives the URL of a database.
func encryptedPostgres(t *testing.T, pair certtest.Pair) string {
	t.Helper()
	s, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Remove)
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for name, path := range map[string]string{"server.crt": pair.Cert, "server.key": pair.Key} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// The server writes the files itself, since they must be those of its user.
		lines := strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), "'), ('")
		if _, err := conn.Exec(t.Context(), "COPY (SELECT * FROM (VALUES ('"+lines+"')) AS x) TO PROGRAM 'umask 077; cat > "+name+"'"); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	return s.URL("postgres")
}

// awaitReasons waits until a node says the right things of why it is not ready, or not wholly; there is no signal for
// that here.
func awaitReasons(t *testing.T, p *process, right func(said []string) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(p.base + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		var ready struct{ Reasons []string }
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || json.Unmarshal(text, &ready) != nil {
			t.Fatalf("%v %s", err, text)
		}
		if right(ready.Reasons) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it says %q", ready.Reasons)
		}
	}
}
