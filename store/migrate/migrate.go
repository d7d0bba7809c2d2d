// Package migrate tells how a store is brought up to a model, step by step, what each step costs, and
// carries the steps out. Additions are done by a node that starts; what loses data, blocks, or takes
// from nodes of an older model what they need is done by command only, by an explicit word.
package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// The words that allow what is not done otherwise.
const (
	DropColumn = "drop-column" // values are lost
	DropTable  = "drop-table"  // rows are lost
	DropIndex  = "drop-index"  // nodes of an older model may use it
	Rewrite    = "rewrite"     // the table is copied or all its rows are changed, and blocked meanwhile
	Tighten    = "tighten"     // nodes of an older model can store what this one cannot read
)

// Words lists them.
var Words = []string{DropColumn, DropTable, DropIndex, Rewrite, Tighten}

// CheckWords refuses words that are not known.
func CheckWords(allow []string) error {
	for _, word := range allow {
		if !slices.Contains(Words, word) {
			return fmt.Errorf("--allow %s is not known: it takes %s", word, strings.Join(Words, ", "))
		}
	}
	return nil
}

// Plan is what lies between a store and a model.
type Plan struct {
	Store    string   `json:"store"`
	Steps    []*Step  `json:"steps"`
	Problems []string `json:"problems,omitempty"` // sentences about what no step can do
	Refused  []string `json:"refused,omitempty"`  // sentences about words that are missing
}

// Step is one thing to do.
type Step struct {
	What     string   `json:"what"` // a sentence
	Cost     string   `json:"cost"` // in locks and time
	SQL      []string `json:"sql"`
	AtStart  bool     `json:"at_start"`        // a node with this model does it by itself
	Optional bool     `json:"optional"`        // the model can be served without it
	Allow    string   `json:"allow,omitempty"` // the word that it takes; "" for none
	Done     bool     `json:"done"`

	Undo string `json:"-"` // what to run where a store has no transaction for it and the step failed; "" for nothing
}

// Target is a store that can be changed. It is used by one goroutine, and holds off others that
// would change the schema until it is closed.
type Target interface {
	Plan(ctx context.Context) (*Plan, error)
	Apply(ctx context.Context, s *Step) error
	Finish(ctx context.Context) error // after the last step: makes it stay
	Close() error                     // without Finish, an embedded store is left as it was
}

// Run plans, and unless dry, carries out what the allowed words permit. The plan says what was done,
// and is given beside an error too, where there is one. Nothing at all is done where the model could
// not be served afterwards.
func Run(ctx context.Context, t Target, allow []string, dry bool) (*Plan, error) {
	if err := CheckWords(allow); err != nil {
		return nil, err
	}
	p, err := t.Plan(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range p.Steps {
		if !s.Optional && s.Allow != "" && !slices.Contains(allow, s.Allow) {
			p.Refused = append(p.Refused, fmt.Sprintf("%s That takes the word: --allow %s", s.What, s.Allow))
		}
	}
	if dry || !p.Fits() {
		return p, nil
	}
	for _, s := range p.Steps {
		if s.Allow != "" && !slices.Contains(allow, s.Allow) {
			continue
		}
		if err := t.Apply(ctx, s); err != nil {
			return p, err
		}
		s.Done = true
	}
	return p, t.Finish(ctx)
}

// Fits tells whether nothing stands in the way of carrying the plan out.
func (p *Plan) Fits() bool { return len(p.Problems) == 0 && len(p.Refused) == 0 }

// Hindrances are sentences about why a node with the model cannot start on the store as it is.
func (p *Plan) Hindrances() []string {
	list := slices.Clone(p.Problems)
	for _, s := range p.Steps {
		if s.AtStart || s.Optional {
			continue
		}
		call := "`partita migrate`"
		if s.Allow != "" {
			call = "`partita migrate --allow " + s.Allow + "`"
		}
		list = append(list, s.What+" That is for "+call+", which tells first what it costs with --dry-run.")
	}
	return list
}

// Text prints the plan for a person.
func (p *Plan) Text() string {
	var b strings.Builder
	switch len(p.Steps) {
	case 0:
		fmt.Fprintf(&b, "%s: nothing to do\n", p.Store)
	case 1:
		fmt.Fprintf(&b, "%s: 1 step\n", p.Store)
	default:
		fmt.Fprintf(&b, "%s: %d steps\n", p.Store, len(p.Steps))
	}
	for i, s := range p.Steps {
		fmt.Fprintf(&b, "\n%d. %s\n   cost: %s\n   when: %s\n", i+1, s.What, s.Cost, s.when())
		for _, sql := range s.SQL {
			fmt.Fprintf(&b, "   %s;\n", sql)
		}
	}
	if !p.Fits() {
		b.WriteString("\nNothing is done, because:\n")
		for _, text := range slices.Concat(p.Problems, p.Refused) {
			fmt.Fprintf(&b, "- %s\n", text)
		}
	}
	return b.String()
}

func (s *Step) when() string {
	switch {
	case s.Done:
		return "done"
	case s.AtStart:
		return "now, or by itself when a node with this model starts"
	case s.Allow != "" && s.Optional:
		return "only with --allow " + s.Allow + "; the model is served without it too"
	case s.Allow != "":
		return "only with --allow " + s.Allow + "; until then the model cannot be served"
	case s.Optional:
		return "by this command; the model is served without it too"
	}
	return "by this command; until then the model cannot be served"
}
