package load

import (
	"encoding/json"
	"os"

	"github.com/partita-dev/partita/model"
)

// Config is what a Generator works with. It goes to another process, so it is plain data.
type Config struct {
	Model     string // the file's name, for complaints
	Source    []byte // its text
	Size      Size
	Claims    []byte   // JSON object: see NewWorld
	Addresses []string // host:port of the service's nodes
	Secret    []byte   // of HS256 tokens, to sign those of callers
	Bearer    string   // one token for everything instead
	Keys      string   // what idempotency keys begin with: another one for each run
	Accepts   bool     // the service takes writes for later
}

// World makes the World of the Config, as the Generator's process does.
func (c *Config) World() (*World, error) {
	m, err := model.Parse(c.Model, c.Source, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	return c.WorldOf(m)
}

// WorldOf is World with a model that was read already: a store takes rows of its own model only.
func (c *Config) WorldOf(m *model.Model) (*World, error) {
	var claims map[string]any
	if len(c.Claims) > 0 {
		if err := json.Unmarshal(c.Claims, &claims); err != nil {
			return nil, err
		}
	}
	return NewWorld(m, c.Size, claims), nil
}
