package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/auth"
	"github.com/partita-dev/partita/internal/hosts"
)

// admin says where the admin address of a running service is.
type admin struct {
	Admin     string `help:"Admin address of the service; https://HOST:PORT where it has a certificate." env:"PARTITA_ADMIN" default:"127.0.0.1:8081"`
	TokenFile string `help:"File with the admin token of the service; or PARTITA_ADMIN_TOKEN in the environment. Without them, and on this machine, admin.token in the data folder, if it is there." name:"token-file" env:"PARTITA_ADMIN_TOKEN_FILE" placeholder:"FILE"`
	CA        string `help:"Who signed the certificate of the admin address, in PEM, where that is https://… and this machine does not know." name:"admin-ca" env:"PARTITA_ADMIN_CA" placeholder:"FILE"`
	Cert      string `help:"Certificate to show there, in PEM, where it asks for one." name:"admin-cert" env:"PARTITA_ADMIN_CERT" placeholder:"FILE"`
	Key       string `help:"Private key of that certificate." name:"admin-key" env:"PARTITA_ADMIN_KEY" placeholder:"FILE"`

	folder string // where a service on this machine keeps its data, if the command knows; "": the usual one
}

// beside is for commands that know a service on this machine by its data folder only to speak to it.
type beside struct {
	Data string `help:"Data folder of a service on this machine, which has its admin token." env:"PARTITA_DATA" default:"./partita-data"`
}

// patience is how long an answer of the admin address may take.
const patience = 30 * time.Second

// ask makes a call, with body as JSON where it is not nil. The answer is one that went well; an error
// says what to do.
func (k *admin) ask(ctx context.Context, method, path string, body any) (*http.Response, error) {
	return k.askFor(ctx, patience, method, path, body)
}

// askFor is ask with another patience; 0: without end.
func (k *admin) askFor(ctx context.Context, patience time.Duration, method, path string, body any) (*http.Response, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	base, client, err := k.client()
	if err != nil {
		return nil, err
	}
	client.Timeout = patience
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(text))
	if err != nil {
		return nil, usage{fmt.Errorf("--admin %q is no address: write host:port", k.Admin)}
	}
	token, err := k.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if errors.Is(err, http.ErrSchemeMismatch) {
		return nil, fmt.Errorf("%s does not speak HTTPS: write it with http://", k.Admin)
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return nil, fmt.Errorf("the certificate of %s is not trusted here (%w): give who signed it with --admin-ca, and call it by a name that it has", k.Admin, bad.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("nothing answers at %s: is the service running, and is this its admin address?", k.Admin)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	const most = 1000
	said, _ := io.ReadAll(io.LimitReader(res.Body, most))
	words := strings.TrimSpace(string(said))
	switch {
	case strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json"):
		return nil, fmt.Errorf("what answers at %s is the API of a service: give its admin address, where the page is", k.Admin)
	case res.StatusCode == http.StatusMethodNotAllowed,
		res.StatusCode == http.StatusNotFound && (words == "" || strings.HasPrefix(words, "There is nothing here") || strings.Contains(words, "404 page not found")):
		return nil, fmt.Errorf("what answers at %s is not the admin address of Partita, or its model has nothing of the kind", k.Admin)
	case res.StatusCode == http.StatusForbidden && strings.Contains(words, "PARTITA_ADMIN_TOKEN"):
		return nil, errors.New(words)
	case token != "" && (res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden):
		return nil, fmt.Errorf("%s answers %s: the token is not the one that this service was started with", k.Admin, res.Status)
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden, words == "":
		return nil, fmt.Errorf("%s wants its admin token: give it with --token-file; a service that was started without one made it, as admin.token in its data folder", k.Admin)
	}
	return nil, fmt.Errorf("%s", words)
}

// read makes a call and reads its JSON.
func (k *admin) read(ctx context.Context, method, path string, body, into any) error {
	res, err := k.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("what answers at %s is not the admin address of Partita", k.Admin)
	}
	return nil
}

// client gives the URL of the admin address and who calls it.
func (k *admin) client() (base string, client *http.Client, err error) {
	client = &http.Client{}
	if k.CA == "" && k.Cert == "" && !strings.HasPrefix(k.Admin, "https://") {
		return "http://" + strings.TrimPrefix(k.Admin, "http://"), client, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if k.CA != "" {
		text, err := os.ReadFile(k.CA)
		if err != nil {
			return "", nil, usage{fmt.Errorf("--admin-ca cannot be read: %w", err)}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return "", nil, usage{fmt.Errorf("--admin-ca: %s has no certificate in PEM", k.CA)}
		}
	}
	if k.Cert != "" || k.Key != "" {
		pair, err := tls.LoadX509KeyPair(k.Cert, k.Key)
		if err != nil {
			return "", nil, usage{fmt.Errorf("--admin-cert and --admin-key are no certificate and its private key: %w", err)}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	client.Transport = &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	return "https://" + strings.TrimPrefix(k.Admin, "https://"), client, nil
}

func (k *admin) token() (string, error) {
	if k.TokenFile == "" {
		if token := os.Getenv("PARTITA_ADMIN_TOKEN"); token != "" {
			return token, nil
		}
		return k.local(), nil
	}
	text, err := os.ReadFile(k.TokenFile)
	if err != nil {
		return "", usage{fmt.Errorf("the token cannot be read: %w", err)}
	}
	return strings.TrimSpace(string(text)), nil
}

// local gives the token that a service on this machine made for itself. Without one, or without the right to
// read it, "": most of what is asked for needs none, and what needs it says so.
func (k *admin) local() string {
	address := strings.TrimPrefix(strings.TrimPrefix(k.Admin, "https://"), "http://")
	if !hosts.Here(address) {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(cmp.Or(k.folder, os.Getenv("PARTITA_DATA"), usualData), auth.AdminTokenFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
