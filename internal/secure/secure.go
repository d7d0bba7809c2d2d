// Package secure is TLS for listeners: certificates that are read anew when their files change, and
// handshakes that hold nobody else up.
package secure

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Files are what a listener is secured with. The zero value is none: no TLS.
type Files struct {
	Cert     string // PEM: the certificate, and behind it those that lead to its root
	Key      string // PEM: its private key
	ClientCA string // PEM: who signs the certificates that callers must show; "": they need none
}

// Check tells whether the files that are named belong together. Complaints name them by prefix and
// field, such as "Config.TLS.Cert".
func (f Files) Check(prefix string) error {
	switch {
	case f.Cert != "" && f.Key == "":
		return fmt.Errorf("%s.Cert is given without %[1]s.Key: a certificate needs its private key", prefix)
	case f.Key != "" && f.Cert == "":
		return fmt.Errorf("%s.Key is given without %[1]s.Cert: a private key needs its certificate", prefix)
	case f.ClientCA != "" && f.Cert == "":
		return fmt.Errorf("%s.ClientCA is given without %[1]s.Cert and %[1]s.Key: callers show certificates only to a service that has one", prefix)
	}
	return nil
}

// Keys are the certificates of a listener, as they are now. They are safe for concurrent use.
type Keys struct {
	files   Files
	prefix  string
	logger  *slog.Logger
	current atomic.Pointer[tls.Config]

	seen   [sha256.Size]byte // of the files that were looked at last; of Watch only
	untold bool              // what is wrong with them was not said yet
	warned time.Time         // when it was said that the certificate ends soon
}

// The files are looked at this often. A certificate that ends soon is told of once a day.
const (
	lookEvery = 2 * time.Second
	endsSoon  = 7 * 24 * time.Hour
	warnEvery = 24 * time.Hour
)

// Load reads the files. Complaints name them as those of Files.Check do.
func Load(files Files, prefix string, logger *slog.Logger) (*Keys, error) {
	k := &Keys{files: files, prefix: prefix, logger: logger}
	texts, err := k.read()
	if err != nil {
		return nil, err
	}
	config, err := k.parse(texts, time.Now())
	if err != nil {
		return nil, err
	}
	k.current.Store(config)
	k.seen = texts.sum()
	return k, nil
}

// Watch takes up files that change, until ctx ends. Those that cannot be used are told of, and the last
// ones that could stay in use. Connections that are open stay so.
func (k *Keys) Watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		k.remind(time.Now())
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			k.look(now)
		}
	}
}

// look takes up files that have changed. A certificate and its key are replaced one after the other, so
// only when they are the same at the next look it is said that they do not fit.
func (k *Keys) look(now time.Time) {
	texts, err := k.read()
	sum := texts.sum()
	changed := sum != k.seen
	if !changed && !k.untold {
		return
	}
	k.seen = sum
	var config *tls.Config
	if err == nil {
		config, err = k.parse(texts, now)
	}
	if err != nil {
		if !changed {
			k.logger.Warn("a certificate or its key was replaced by one that cannot be used; the last one stays in use", "error", err)
		}
		k.untold = changed
		return
	}
	k.current.Store(config)
	k.untold, k.warned = false, time.Time{}
	k.logger.Info("the certificate was replaced; new connections get it", "until", config.Certificates[0].Leaf.NotAfter)
}

// remind says once a day that the certificate ends soon, or has ended.
func (k *Keys) remind(now time.Time) {
	end := k.current.Load().Certificates[0].Leaf.NotAfter
	if now.Add(endsSoon).Before(end) || now.Sub(k.warned) < warnEvery {
		return
	}
	k.warned = now
	k.logger.Warn("the certificate ends soon or has ended: replace its files, and they are taken up without a restart", "field", k.prefix+".Cert", "until", end)
}

// texts are the files' contents.
type texts struct{ cert, key, ca []byte }

func (t *texts) sum() [sha256.Size]byte {
	return sha256.Sum256(bytes.Join([][]byte{t.cert, t.key, t.ca}, []byte{0}))
}

func (k *Keys) read() (t texts, err error) {
	for _, f := range []struct {
		field, path string
		into        *[]byte
	}{{"Cert", k.files.Cert, &t.cert}, {"Key", k.files.Key, &t.key}, {"ClientCA", k.files.ClientCA, &t.ca}} {
		if f.path == "" {
			continue
		}
		if *f.into, err = os.ReadFile(f.path); err != nil {
			return t, fmt.Errorf("%s.%s cannot be read: %w", k.prefix, f.field, err)
		}
	}
	return t, nil
}

// parse makes what the files say into what listeners need.
func (k *Keys) parse(t texts, now time.Time) (*tls.Config, error) {
	bad := func(field, path, format string, a ...any) (*tls.Config, error) {
		return nil, fmt.Errorf("%s.%s: %s %s", k.prefix, field, path, fmt.Sprintf(format, a...))
	}
	switch cert, key := kindOf(t.cert), kindOf(t.key); {
	case cert == aKey && key == aCertificate:
		return bad("Cert", k.files.Cert, "is a private key, and the other file is a certificate: change them over")
	case cert != aCertificate && cert != both:
		return bad("Cert", k.files.Cert, "has no certificate in PEM: such a file begins with -----BEGIN CERTIFICATE-----")
	case key == aLockedKey:
		return bad("Key", k.files.Key, "is protected by a password: give it without one, readable by the service only")
	case key != aKey && key != both:
		return bad("Key", k.files.Key, "has no private key in PEM: such a file begins with -----BEGIN PRIVATE KEY-----")
	}
	pair, err := tls.X509KeyPair(t.cert, t.key)
	if err != nil {
		if certificateIn(t.cert) {
			return bad("Key", k.files.Key, "is not the private key of the certificate in %s", k.files.Cert)
		}
		return bad("Cert", k.files.Cert, "has a certificate that cannot be read")
	}
	switch leaf := pair.Leaf; {
	case now.After(leaf.NotAfter):
		return bad("Cert", k.files.Cert, "expired on %s: give one that is renewed", leaf.NotAfter.UTC().Format("2 January 2006, 15:04 UTC"))
	case now.Before(leaf.NotBefore):
		return bad("Cert", k.files.Cert, "is valid from %s only: check the clock of this machine", leaf.NotBefore.UTC().Format("2 January 2006, 15:04 UTC"))
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if k.files.ClientCA == "" {
		return c, nil
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(t.ca) {
		return bad("ClientCA", k.files.ClientCA, "has no certificate in PEM")
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.SessionTicketsDisabled = true // who is taken out of the file must not come in on an old session
	return c, nil
}

// What a PEM file has.
type kind int

const (
	nothing kind = iota
	aCertificate
	aKey
	aLockedKey
	both
)

func kindOf(text []byte) kind {
	found := nothing
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return found
		}
		switch {
		case block.Type == "CERTIFICATE" && (found == aKey || found == both),
			block.Type != "CERTIFICATE" && found == aCertificate && bytes.HasSuffix([]byte(block.Type), []byte("PRIVATE KEY")):
			found = both
		case block.Type == "CERTIFICATE":
			found = aCertificate
		case block.Type == "ENCRYPTED PRIVATE KEY", block.Headers["DEK-Info"] != "":
			return aLockedKey
		case bytes.HasSuffix([]byte(block.Type), []byte("PRIVATE KEY")):
			found = aKey
		}
	}
}

// certificateIn tells whether the first certificate of a file can be read.
func certificateIn(text []byte) bool {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return false
		}
		if block.Type == "CERTIFICATE" {
			_, err := x509.ParseCertificate(block.Bytes)
			return err == nil
		}
	}
}

// config gives what the next handshake goes by.
func (k *Keys) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	if c := k.current.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("secure: no certificate") // Load stored one
}
