package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/apptest"
	"github.com/partita-dev/partita/internal/certtest"
)

// The commands that ask a running service show its token and their certificate, and trust who signed
// the service's.
func TestCommandsOfASecuredAdminAddress(t *testing.T) {
	ca := certtest.New(t)
	server, caller := ca.Issue(t, "server", time.Hour), ca.Issue(t, "caller", time.Hour)
	const token = "a token of thirty-two characters"
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	app := apptest.Start(t, partita.Config{
		ModelSource: []byte(hooked), Admin: "0.0.0.0:0", AdminToken: token,
		AdminTLS: partita.TLS{Cert: server.Cert, Key: server.Key, ClientCA: ca.File},
	})
	_, port, _ := strings.Cut(strings.TrimPrefix(app.AdminAddr(), "[::]"), ":")
	admin := "--admin=https://localhost:" + port
	shown := []string{"--admin-ca", ca.File, "--admin-cert", caller.Cert, "--admin-key", caller.Key}
	all := append([]string{admin, "--token-file", tokenFile}, shown...)
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"dead"}, {"dead", "--drop", "x"}, {"replay", "--all"}} {
		must(t, append(args, all...)...)
	}
	t.Run("from the environment", func(t *testing.T) {
		t.Setenv("PARTITA_ADMIN_TOKEN", token)
		must(t, append([]string{"status", admin}, shown...)...)
	})
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("another token of that same length"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no token":               {append([]string{admin}, shown...), failed, "give it with --token-file"},
		"a wrong token":          {append([]string{admin, "--token-file", wrong}, shown...), failed, "the token is not the one"},
		"no such token":          {append([]string{admin, "--token-file", wrong + "x"}, shown...), badCall, "the token cannot be read"},
		"an unknown authority":   {[]string{admin, "--token-file", tokenFile}, failed, "--admin-ca"},
		"an authority like none": {[]string{admin, "--admin-ca", tokenFile}, badCall, "no certificate in PEM"},
		"no certificate":         {[]string{admin, "--token-file", tokenFile, "--admin-ca", ca.File}, failed, "nothing answers"},
		"half a certificate":     {[]string{admin, "--admin-cert", caller.Cert}, badCall, "--admin-cert and --admin-key"},
		"plain HTTP":             {[]string{"--admin=localhost:" + port, "--token-file", tokenFile}, failed, "https://"},
	} {
		code, out, err := command(t, append([]string{"status"}, test.args...)...)
		if code != test.code || out != "" || !strings.Contains(err, test.says) || strings.Contains(err, token) {
			t.Errorf("%s: exit code %d, %s%s", name, code, out, err)
		}
	}
}

// What is wrong with TLS and the admin token is said in the words of the command line.
func TestServeRefusesBadSecurity(t *testing.T) {
	ca := certtest.New(t)
	good, other, old := ca.Issue(t, "good", time.Hour), ca.Issue(t, "other", time.Hour), ca.Issue(t, "old", -time.Hour)
	file := filepath.Join(t.TempDir(), "model.yaml")
	if err := os.WriteFile(file, []byte(hooked), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no key":               {[]string{"--tls-cert", good.Cert}, "--tls-cert is given without --tls-key"},
		"no certificate":       {[]string{"--admin-tls-key", good.Key}, "--admin-tls-key is given without --admin-tls-cert"},
		"another key":          {[]string{"--tls-cert", good.Cert, "--tls-key", other.Key}, "--tls-key: "},
		"expired":              {[]string{"--admin-tls-cert", old.Cert, "--admin-tls-key", old.Key}, "--admin-tls-cert: "},
		"callers' only":        {[]string{"--tls-client-ca", ca.File}, "--tls-client-ca is given without --tls-cert and --tls-key"},
		"nothing to secure":    {[]string{"--listen=none", "--tls-cert", good.Cert, "--tls-key", good.Key}, "--tls-cert is given, but --listen is"},
		"no token":             {[]string{"--admin=0.0.0.0:0"}, "set PARTITA_ADMIN_TOKEN"},
		"no token file":        {[]string{"--admin-token-file", good.Cert + "x"}, "--admin-token-file cannot be read"},
		"too few per address":  {[]string{"--connections-per-address=-1"}, "--connections-per-address"},
		"mutual but no token":  {[]string{"--admin=0.0.0.0:0", "--admin-tls-cert", good.Cert, "--admin-tls-key", good.Key, "--admin-tls-client-ca", ca.File}, "set PARTITA_ADMIN_TOKEN"},
		"no access in a model": {[]string{"--listen=0.0.0.0:0", "--tls-cert", good.Cert, "--tls-key", good.Key}, "no `access`"},
	} {
		args := append([]string{"serve", file, "--data", t.TempDir(), "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"}, test.args...)
		if code, _, err := command(t, args...); code == fine || !strings.Contains(err, test.says) {
			t.Errorf("%s: exit code %d, %s", name, code, err)
		}
	}
}
