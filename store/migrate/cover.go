package migrate

import (
	"fmt"
	"slices"
	"strings"
)

// Covers tells whether a store can be read with the model as it stands, and names what is in the store
// beside the model. The error is a sentence about the first thing that is not so.
func Covers(p *Plan) (beside []string, err error) {
	refuse := func(what string) error {
		return fmt.Errorf("%s is not what this model describes: %s Give the model that the service runs with, or bring the store up to this one with `partita migrate`",
			p.Store, what)
	}
	if len(p.Problems) > 0 {
		return nil, refuse(p.Problems[0])
	}
	for _, s := range p.Steps {
		if len(s.SQL) == 0 { // it is stored alike
			continue
		}
		index := !slices.ContainsFunc(s.SQL, func(sql string) bool { return !strings.Contains(sql, "INDEX ") })
		switch {
		case s.Allow == DropColumn || s.Allow == DropTable || strings.HasPrefix(s.SQL[0], "DROP TABLE ") || strings.Contains(s.SQL[0], " DROP COLUMN "):
			beside = append(beside, s.What)
		case !s.Optional && !index:
			return nil, refuse("to be done: " + s.What)
		}
	}
	return beside, nil
}
