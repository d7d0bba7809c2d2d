package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// admin says where the admin address of a running service is.
type admin struct {
	Admin     string `help:"Admin address of the service." env:"PARTITA_ADMIN" default:"127.0.0.1:8081" placeholder:"ADDR"`
	TokenFile string `help:"File with a token, for a service whose admin address is beyond loopback; or PARTITA_ADMIN_TOKEN in the environment." placeholder:"FILE"`
}

// patience is how long an answer of the admin address may take.
const patience = 30 * time.Second

// ask makes a call, with body as JSON where it is not nil. The answer is one that went well; an error
// says what to do.
func (k *admin) ask(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+strings.TrimPrefix(k.Admin, "http://")+path, bytes.NewReader(text))
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
	client := http.Client{Timeout: patience}
	res, err := client.Do(req)
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
	case res.StatusCode == http.StatusNotFound && (words == "" || strings.Contains(words, "404 page not found")):
		return nil, fmt.Errorf("what answers at %s is not the admin address of Partita, or its model has nothing of the kind", k.Admin)
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden, words == "":
		return nil, fmt.Errorf("%s answers %s: give a token with --token-file if it asks for one", k.Admin, res.Status)
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

func (k *admin) token() (string, error) {
	if k.TokenFile == "" {
		return os.Getenv("PARTITA_ADMIN_TOKEN"), nil
	}
	text, err := os.ReadFile(k.TokenFile)
	if err != nil {
		return "", usage{fmt.Errorf("the token cannot be read: %w", err)}
	}
	return strings.TrimSpace(string(text)), nil
}
