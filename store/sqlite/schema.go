package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/store/sqltext"
)

// upgrade brings the tables of an existing store up to the model, where nothing is lost by it.
func (s *Store) upgrade() error {
	w := s.writer
	text, err := w.word(sqltext.MetaGet, "shape")
	if err != nil {
		return fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	var shape sqltext.Shape
	if err := json.Unmarshal([]byte(text), &shape); err != nil {
		return fmt.Errorf("the store %s is damaged: what it says of its tables cannot be read", s.path)
	}
	steps, problems := shape.Upgrade(sqltext.SQLite, s.config.Model)
	for _, step := range steps {
		if step.Empty != "" {
			n, err := w.number("SELECT count(*) FROM (SELECT 1 FROM " + sqltext.Quote(step.Empty) + " LIMIT 1)")
			if err != nil {
				return fmt.Errorf("the store %s cannot be read: %w", s.path, err)
			}
			if n > 0 {
				problems = append(problems, step.Else)
			}
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("the store %s does not fit the model:\n  %s", s.path, strings.Join(problems, "\n  "))
	}
	for _, step := range steps {
		if err := w.Exec(step.SQL); err != nil {
			return fmt.Errorf("the store %s cannot be brought up to the model: %w", s.path, err)
		}
	}
	if err := s.reindex(); err != nil {
		return err
	}
	return s.rememberShape()
}

// reindex makes the indexes that the model asks for, and drops those that it does not any more. An
// index's name tells its definition.
func (s *Store) reindex() error {
	w := s.writer
	have := map[string]bool{}
	err := w.each("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL", func(st *sqlite3.Stmt) {
		if name := st.ColumnText(0); strings.HasPrefix(name, sqltext.Prefix) {
			have[name] = true
		}
	})
	if err != nil {
		return fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	for _, o := range sqltext.Schema(sqltext.SQLite, s.config.Model) {
		if !o.Index {
			continue
		}
		if have[o.Name] {
			delete(have, o.Name)
			continue
		}
		err := w.Exec(o.SQL)
		if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) {
			return fmt.Errorf("the store %s does not fit the model: rows of %s break a `unique` that is new; "+
				"take it back, or change the rows first", s.path, o.Table)
		}
		if err != nil {
			return fmt.Errorf("the store %s cannot be brought up to the model: %w", s.path, err)
		}
	}
	for name := range have {
		if err := w.Exec("DROP INDEX " + sqltext.Quote(name)); err != nil {
			return fmt.Errorf("the store %s cannot be brought up to the model: %w", s.path, err)
		}
	}
	return nil
}

// rememberShape notes what the tables are made for.
func (s *Store) rememberShape() error {
	text, err := json.Marshal(sqltext.ShapeOf(s.config.Model))
	if err != nil {
		return err
	}
	return s.writer.put("shape", string(text))
}
