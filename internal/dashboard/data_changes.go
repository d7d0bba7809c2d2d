package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Trail is a stretch of a partition's change log, or of one row's part in it, the latest first.
type Trail struct {
	Head    uint64        `json:"head"`           // the partition's version
	Keep    float64       `json:"keep"`           // seconds that changes are kept; the latest of a partition stays
	Changes []TrailChange `json:"changes"`        // never null
	Next    uint64        `json:"next,omitempty"` // the version to go on with, as `before` or `version`; 0: that is all
	Pruned  bool          `json:"pruned"`         // there were earlier ones, which are not kept any more
}

// TrailChange is one commit.
type TrailChange struct {
	Version uint64     `json:"version"`
	Time    time.Time  `json:"time"`
	Write   string     `json:"write"`
	ID      string     `json:"id"`
	Rows    []TrailRow `json:"rows"`
	Events  []string   `json:"events,omitempty"`
	Foreign bool       `json:"foreign,omitempty"` // written by another model: some of it cannot be shown
}

// TrailRow is what a commit did to one row.
type TrailRow struct {
	Entity string          `json:"entity"`
	Kind   string          `json:"kind"` // insert, update, delete, expire
	Key    []string        `json:"key"`  // texts, in the order of the entity's key
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	Fields []string        `json:"fields,omitempty"` // that an update changed
}

// changes gives what was committed in a partition, the latest first.
func (s *shelf) changes(ctx context.Context, r *http.Request) ([]byte, error) {
	e, p, err := s.entity(r)
	if err != nil {
		return nil, err
	}
	head, err := s.Store.Head(ctx, p)
	if err != nil {
		return nil, err
	}
	t := Trail{Head: head, Keep: s.Keep.Seconds(), Changes: []TrailChange{}}
	last := head
	if text := r.URL.Query().Get("before"); text != "" {
		before, err := strconv.ParseUint(text, 10, 63)
		if err != nil || before == 0 {
			return nil, wrong("before", "is no version")
		}
		last = min(head, before-1)
	}
	first := uint64(0) // the last that is not asked for
	if last > mostVersions {
		first = last - mostVersions
	}
	list, pruned, err := s.stretch(ctx, p, first, last)
	if err != nil {
		return nil, err
	}
	size := 0
	for i, change := range slices.Backward(list) {
		shown := s.show(change, e.Family)
		t.Changes = append(t.Changes, shown)
		for _, row := range shown.Rows {
			size += len(row.Before) + len(row.After)
		}
		if size > mostBytes && i > 0 {
			pruned, first = false, change.Version-1
			break
		}
	}
	t.Pruned = pruned
	if first > 0 && !pruned && len(t.Changes) > 0 {
		t.Next = t.Changes[len(t.Changes)-1].Version
	}
	return json.Marshal(t)
}

// stretch gives the changes above first up to last, and whether some of them are not kept any more.
func (s *shelf) stretch(ctx context.Context, p store.Partition, first, last uint64) ([]*store.Change, bool, error) {
	if last <= first {
		return nil, false, nil
	}
	list, err := s.Store.Changes(ctx, p, first, int(last-first))
	if fault.CodeOf(err) != fault.NotFound {
		return list, false, err
	}
	// What is kept is a stretch up to the latest: look for where it begins.
	begin := sort.Search(int(last-first), func(i int) bool {
		_, err := s.Store.Changes(ctx, p, first+uint64(i), 1)
		return err == nil
	})
	if first += uint64(begin); first >= last {
		return nil, true, nil
	}
	list, err = s.Store.Changes(ctx, p, first, int(last-first))
	return list, true, err
}

// history gives the versions of one row, the latest first. Each change names the version that the row
// had before, so that nothing else of the log need be read.
func (s *shelf) history(ctx context.Context, r *http.Request) ([]byte, error) {
	e, p, err := s.entity(r)
	if err != nil {
		return nil, err
	}
	args, err := keyArgs(e, p, r.URL.Query())
	if err != nil {
		return nil, err
	}
	var version uint64
	t := Trail{Keep: s.Keep.Seconds(), Changes: []TrailChange{}}
	if text := r.URL.Query().Get("version"); text != "" {
		if version, err = strconv.ParseUint(text, 10, 63); err != nil {
			return nil, wrong("version", "is no version")
		}
	} else {
		row, head, err := s.find(ctx, e, p, r.URL.Query())
		if err != nil {
			return nil, err
		}
		if t.Head = head; row != nil {
			version = row.Version
		}
	}
	key := keyText(e, args.Values[1:])
	for size := 0; version > 0; {
		if len(t.Changes) == mostVersions || size > mostBytes {
			t.Next = version
			break
		}
		list, err := s.Store.Changes(ctx, p, version-1, 1)
		if fault.CodeOf(err) == fault.NotFound {
			t.Pruned = true
			break
		}
		if err != nil {
			return nil, err
		}
		if len(list) == 0 || list[0].Version != version {
			break
		}
		change := *list[0]
		change.Rows = nil
		version = 0
		for _, row := range list[0].Rows {
			if row.Entity.Name != e.Name || keyText(row.Entity, keyOf(row)) != key {
				continue
			}
			change.Rows = append(change.Rows, row)
			if row.Before != nil {
				version = max(version, row.Before.Version)
			}
		}
		shown := s.show(&change, e.Family)
		for _, row := range shown.Rows {
			size += len(row.Before) + len(row.After)
		}
		t.Changes = append(t.Changes, shown)
		if version >= change.Version { // a row that the same commit had made before
			version = 0
		}
	}
	return json.Marshal(t)
}

// keyOf gives the key of the row that changed.
func keyOf(c model.RowChange) []model.Value {
	if c.After != nil {
		return c.Entity.KeyOf(c.After)
	}
	return c.Entity.KeyOf(c.Before)
}

// show tells what a change did to the rows that the model declares.
func (s *shelf) show(c *store.Change, f *model.Family) TrailChange {
	t := TrailChange{Version: c.Version, Time: c.Time.UTC(), Write: c.Write, ID: uuid.UUID(c.ID).String(), Rows: []TrailRow{}, Foreign: c.Foreign}
	for _, row := range c.Rows {
		e := s.model.Entity(row.Entity.Name)
		if e == nil || e.Family.Name != f.Name {
			continue // the service's own
		}
		r := TrailRow{Entity: e.Name, Kind: "update", Key: []string{}}
		switch {
		case row.Before == nil:
			r.Kind = "insert"
		case row.After == nil && row.Expired:
			r.Kind = "expire"
		case row.After == nil:
			r.Kind = "delete"
		}
		for _, v := range keyOf(row) {
			r.Key = append(r.Key, string(model.AppendText(nil, v)))
		}
		if row.Before != nil {
			r.Before = model.AppendRow(nil, row.Entity.Fields, row.Before)
		}
		if row.After != nil {
			r.After = model.AppendRow(nil, row.Entity.Fields, row.After)
		}
		if r.Kind == "update" {
			for _, field := range row.Entity.Fields {
				if row.Before.Values[field.Pos] != row.After.Values[field.Pos] {
					r.Fields = append(r.Fields, field.Name)
				}
			}
		}
		t.Rows = append(t.Rows, r)
	}
	for _, ev := range c.Events {
		t.Events = append(t.Events, ev.Name)
	}
	return t
}
