package secure_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/certtest"
	"github.com/partita-dev/partita/internal/secure"
)

func TestFilesThatDoNotBelongTogether(t *testing.T) {
	for _, test := range []struct {
		files secure.Files
		says  string
	}{
		{secure.Files{}, ""},
		{secure.Files{Cert: "c", Key: "k"}, ""},
		{secure.Files{Cert: "c"}, "Config.TLS.Cert is given without Config.TLS.Key"},
		{secure.Files{Key: "k"}, "Config.TLS.Key is given without Config.TLS.Cert"},
		{secure.Files{ClientCA: "a"}, "Config.TLS.ClientCA is given without"},
	} {
		err := test.files.Check("Config.TLS")
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%+v: %v", test.files, err)
		}
	}
}

// What is wrong with the files is said at the start, with the file and what to do.
func TestBadFilesAreRefused(t *testing.T) {
	ca := certtest.New(t)
	good, other := ca.Issue(t, "good", time.Hour), ca.Issue(t, "other", time.Hour)
	expired := ca.Issue(t, "expired", -time.Hour)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	junk := file("junk.pem", "no certificate")
	locked := file("locked.pem", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})))
	broken := file("broken.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})))
	certText, err := os.ReadFile(good.Cert)
	if err != nil {
		t.Fatal(err)
	}
	keyText, err := os.ReadFile(good.Key)
	if err != nil {
		t.Fatal(err)
	}
	one := file("one.pem", string(keyText)+string(certText))
	for _, test := range []struct {
		name  string
		files secure.Files
		says  []string
	}{
		{"a good pair", secure.Files{Cert: good.Cert, Key: good.Key}, nil},
		{"both in one file", secure.Files{Cert: one, Key: one}, nil},
		{"callers' certificates too", secure.Files{Cert: good.Cert, Key: good.Key, ClientCA: ca.File}, nil},
		{"no such file", secure.Files{Cert: good.Cert, Key: good.Key + "x"}, []string{"Config.TLS.Key cannot be read", "no such file"}},
		{"the key of another", secure.Files{Cert: good.Cert, Key: other.Key}, []string{"Config.TLS.Key", "is not the private key of the certificate"}},
		{"changed over", secure.Files{Cert: good.Key, Key: good.Cert}, []string{"change them over"}},
		{"a certificate twice", secure.Files{Cert: good.Cert, Key: good.Cert}, []string{"Config.TLS.Key", "no private key"}},
		{"a key twice", secure.Files{Cert: good.Key, Key: good.Key}, []string{"Config.TLS.Cert", "no certificate"}},
		{"something else", secure.Files{Cert: junk, Key: good.Key}, []string{"Config.TLS.Cert", "no certificate"}},
		{"broken", secure.Files{Cert: broken, Key: good.Key}, []string{"cannot be read"}},
		{"locked", secure.Files{Cert: good.Cert, Key: locked}, []string{"protected by a password"}},
		{"expired", secure.Files{Cert: expired.Cert, Key: expired.Key}, []string{"expired on", "renewed"}},
		{"no one who signs", secure.Files{Cert: good.Cert, Key: good.Key, ClientCA: junk}, []string{"Config.TLS.ClientCA", "no certificate"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := secure.Load(test.files, "Config.TLS", slog.New(slog.DiscardHandler))
			if test.says == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			for _, words := range test.says {
				if err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("%v; want %q", err, words)
				}
			}
		})
	}
}

// keysAndListener makes a server's keys, and a listener that they are for.
func keysAndListener(t *testing.T) (*secure.Keys, net.Listener) {
	t.Helper()
	ca := certtest.New(t)
	pair := ca.Issue(t, "server", time.Hour)
	keys, err := secure.Load(secure.Files{Cert: pair.Cert, Key: pair.Key}, "Config.TLS", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return keys, inner
}

// Callers who never finish their handshake hold up neither others nor the end.
func TestUnfinishedHandshakes(t *testing.T) {
	keys, inner := keysAndListener(t)
	l := keys.Listen(inner)
	var callers []net.Conn
	for range 20 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		callers = append(callers, c)
	}
	plain, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := plain.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(plain); err != nil || !bytes.Contains(said, []byte("https://")) || !bytes.HasPrefix(said, []byte("HTTP/1.1 400")) {
		t.Errorf("who speaks plain HTTP is told %q, %v", said, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("a closed listener gives connections")
	}
	for _, c := range callers {
		if _, err := io.ReadAll(c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Error(err)
		}
	}
}

// Who opens connections and says nothing takes no room from callers at other addresses, and later
// callers at its own come in when one of those has gone.
func TestHandshakesAreSharedOutByAddress(t *testing.T) {
	keys, inner := keysAndListener(t)
	l := secure.ListenFor(keys, inner, time.Hour)
	silent := make([]net.Conn, secure.Most+1)
	var err error
	for i := range silent {
		if silent[i], err = net.Dial("tcp", inner.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer silent[i].Close()
	}
	call := func(from string) <-chan error {
		done := make(chan error, 1)
		go func() {
			raw, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(t.Context(), "tcp", inner.Addr().String())
			if err == nil {
				defer raw.Close()
				err = tls.Client(raw, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()) //nolint:gosec // it is about waiting
			}
			done <- err
		}()
		return done
	}
	accept := func(done <-chan error) {
		t.Helper()
		c, err := l.Accept()
		if err == nil {
			defer c.Close()
			err = <-done
		}
		if err != nil {
			t.Error(err)
		}
	}
	accept(call("127.0.0.2"))
	late := call("127.0.0.1")
	for _, c := range silent {
		c.Close()
	}
	accept(late)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzFiles(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")
	f.Add("", "x")
	ca := certtest.New(f)
	pair := ca.Issue(f, "seed", time.Hour)
	cert, err := os.ReadFile(pair.Cert)
	if err != nil {
		f.Fatal(err)
	}
	key, err := os.ReadFile(pair.Key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(cert), string(key))
	f.Add(string(key)+string(cert), string(key)+string(cert))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, cert, key string) {
		files := secure.Files{Cert: filepath.Join(dir, "c"), Key: filepath.Join(dir, "k")}
		for path, text := range map[string]string{files.Cert: cert, files.Key: key} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := secure.Load(files, "Config.TLS", slog.New(slog.DiscardHandler))
		if err == nil && !strings.Contains(cert, "CERTIFICATE") {
			t.Error("taken without a certificate")
		}
		if err != nil && !strings.HasPrefix(err.Error(), "Config.TLS.") {
			t.Errorf("%v does not say which file is meant", err)
		}
	})
}
