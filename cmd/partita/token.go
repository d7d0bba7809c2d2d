package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/auth"
)

type tokenCommand struct {
	Sub    string        `help:"Whom the token is for (the claim sub)." required:""`
	Claim  []string      `help:"A further claim: NAME=TEXT, or NAME:=JSON for other than text. Repeated, it is a list; roles, groups and entitlements are always lists (RFC 9068)." sep:"none" placeholder:"NAME=TEXT"`
	TTL    time.Duration `help:"How long it is good for." name:"ttl" default:"12h"`
	Data   string        `help:"Data folder of the service, which has the key." env:"PARTITA_DATA" default:"./partita-data"`
	Secret string        `help:"File with a secret to sign with instead; or PARTITA_JWT_SECRET in the environment." name:"jwt-secret-file" env:"PARTITA_JWT_SECRET_FILE" placeholder:"FILE"`
}

func (k *tokenCommand) Run(c *console) error {
	claims, err := k.claims()
	if err != nil {
		return usage{err}
	}
	secret, err := jwtSecret(k.Secret)
	if err == nil && secret == nil {
		if _, err := os.Stat(k.Data); errors.Is(err, fs.ErrNotExist) { // a key made here would be no service's
			return usage{fmt.Errorf("there is no folder %s: start the service first, or give its data folder with --data", k.Data)}
		}
		secret, err = auth.DevKey(k.Data)
	}
	if err != nil {
		return err
	}
	token, err := auth.Mint(secret, claims, k.TTL)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, token)
	return err
}

// lists are the claims that are lists by definition (RFC 9068, 2.2.3.1).
var lists = map[string]bool{"roles": true, "groups": true, "entitlements": true}

func (k *tokenCommand) claims() (map[string]any, error) {
	claims := map[string]any{"sub": k.Sub}
	for _, claim := range k.Claim {
		name, text, ok := strings.Cut(claim, "=")
		if !ok || name == "" || name == ":" {
			return nil, fmt.Errorf("--claim %q: write NAME=TEXT, such as roles=staff", claim)
		}
		var value any = text
		if bare, typed := strings.CutSuffix(name, ":"); typed {
			name = bare
			if err := json.Unmarshal([]byte(text), &value); err != nil {
				return nil, fmt.Errorf("--claim %q: what follows := must be JSON: %w", claim, err)
			}
		}
		switch name {
		case "sub", "iat", "exp":
			return nil, fmt.Errorf("--claim %q: sub has a flag of its own, --sub, and --ttl sets iat and exp", claim)
		}
		before, given := claims[name]
		switch list, isList := before.([]any); {
		case isList:
			claims[name] = append(list, value)
		case given:
			claims[name] = []any{before, value}
		case lists[name]:
			if whole, isList := value.([]any); isList {
				claims[name] = whole
			} else {
				claims[name] = []any{value}
			}
		default:
			claims[name] = value
		}
	}
	return claims, nil
}
