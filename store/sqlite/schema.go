package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/sqltext"
)

// upgrade brings the tables of an existing store up to the model, where nothing is lost by it.
func (s *Store) upgrade(ctx context.Context) error {
	plan, err := s.plan(ctx)
	if err != nil {
		return err
	}
	if problems := plan.Hindrances(); len(problems) > 0 {
		return fmt.Errorf("the store %s does not fit the model:\n  %s", s.path, strings.Join(problems, "\n  "))
	}
	for _, step := range plan.Steps {
		if !step.AtStart {
			continue
		}
		if err := s.apply(step); err != nil {
			return err
		}
	}
	return s.rememberShape()
}

// plan tells what lies between the store and the model.
func (s *Store) plan(ctx context.Context) (*migrate.Plan, error) {
	text, err := s.writer.word(sqltext.MetaGet, "shape")
	if err != nil {
		return nil, fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	var shape sqltext.Shape
	if err := json.Unmarshal([]byte(text), &shape); err != nil {
		return nil, fmt.Errorf("the store %s is damaged: what it says of its tables cannot be read", s.path)
	}
	if shape.Service != s.config.Model.Service {
		return nil, fmt.Errorf("the store %s does not fit the model: it belongs to the service %q, and the model is of %q; give each service a store of its own",
			s.path, shape.Service, s.config.Model.Service)
	}
	have, err := s.have(&shape)
	if err != nil {
		return nil, fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	plan, err := migrate.Diff(ctx, sqltext.SQLite, have, s.config.Model)
	if err != nil {
		return nil, fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	return plan, nil
}

// have describes the store: what is there, and what is remembered of its types.
func (s *Store) have(shape *sqltext.Shape) (*migrate.Have, error) {
	w := s.writer
	h := &migrate.Have{Place: "The store " + FileName, Tables: map[string]map[string]migrate.Column{}, Keys: map[string][]string{}, Indexes: map[string]migrate.Index{}}
	err := w.each("SELECT type, name, tbl_name FROM sqlite_schema WHERE type = 'table' OR type = 'index' AND sql IS NOT NULL", func(st *sqlite3.Stmt) {
		if name := st.ColumnText(1); st.ColumnText(0) == "table" {
			h.Tables[name] = map[string]migrate.Column{}
		} else {
			h.Indexes[name] = migrate.Index{Table: st.ColumnText(2)}
		}
	})
	column := func(name string) migrate.Column {
		base, null := strings.CutSuffix(name, "?")
		return migrate.Column{Type: base, Null: null}
	}
	for _, f := range s.config.Model.Families {
		if name, ok := shape.Families[f.Name]; ok && h.Tables[sqltext.BookName("head", f)] != nil {
			h.Tables[sqltext.BookName("head", f)]["partition"] = column(name)
		}
	}
	for name, e := range shape.Entities {
		columns := h.Tables[name]
		if columns == nil {
			continue
		}
		columns[sqltext.VersionColumn] = migrate.Column{}
		columns[e.By] = column(shape.Families[e.Family])
		for f, t := range e.Fields {
			columns[f] = column(t)
		}
		h.Keys[name] = append([]string{e.By}, e.Key...)
	}
	h.Count = func(_ context.Context, from string) (int64, error) { return w.number("SELECT count(*) FROM " + from) }
	return h, err
}

// apply carries out one step, in the transaction under way.
func (s *Store) apply(step *migrate.Step) error {
	for _, sql := range step.SQL {
		err := s.writer.Exec(sql)
		if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) {
			return fmt.Errorf("the store %s does not fit the model: rows break a `unique` that is new; take it back, or change the rows first", s.path)
		}
		if err != nil {
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
