package advise

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// indexes looks for those that nobody uses. Indexes are derived from the reads, so it is a read that
// has one too many a filter, or is not needed.
func (a *adviser) indexes() {
	for _, e := range a.Model.Entities {
		for _, ix := range e.Indexes {
			if !e.Internal && !a.needed(ix) {
				a.index(ix)
			}
		}
	}
}

// user is a combination of a read's filters that an index serves.
type user struct {
	read *model.Read
	mask int
	used uint64
}

func (a *adviser) users(ix *model.Index) (list []user) {
	for _, r := range a.Model.Reads {
		s := a.studied(r.Name)
		for mask, serves := range r.IndexOf {
			if serves != ix {
				continue
			}
			u := user{read: r, mask: mask}
			if s != nil && mask < len(s.Used) {
				u.used = s.Used[mask]
			}
			list = append(list, u)
		}
	}
	return list
}

// needed tells whether an index is used by what is not counted.
func (a *adviser) needed(ix *model.Index) bool {
	for _, ev := range a.Model.Events {
		if ev.Then != nil && ev.Then.Each != nil && slices.Contains(ev.Then.Each.IndexOf, ix) {
			return true
		}
	}
	for _, w := range a.Model.Writes {
		if w.Code && w.Family == ix.Entity.Family && a.Indexes == nil {
			return true // its function may look for rows
		}
		for _, s := range w.Steps {
			if s.Op == model.OpDelete && len(s.By) > 0 && s.Entity == ix.Entity {
				return true
			}
		}
	}
	return false
}

func (a *adviser) index(ix *model.Index) {
	users := a.users(ix)
	if len(users) == 0 || slices.ContainsFunc(users, func(u user) bool { return u.used > 0 }) {
		return
	}
	counted := a.counted(ix)
	if counted != nil && counted.Scans > 0 {
		return
	}
	reads, writes := a.around(ix.Entity)
	if !a.seen("index "+ix.Name, "requests for "+ix.Entity.Name, reads+writes, LeastIndex) {
		return
	}
	first := users[0]
	x := Advice{Kind: Unused, Of: ix.Name, Gain: float64(writes),
		Evidence: []string{fmt.Sprintf("in %s, of %s requests for %s none needed it; %s writes kept it up to date",
			length(a.Now.Study.Seconds), count(float64(reads+writes)), ix.Entity.Name, count(float64(writes)))},
		Think: "some things are asked for once a month: look again when everything was used that is used at all"}
	if counted != nil {
		text := fmt.Sprintf("PostgreSQL has not scanned it either, and it takes %s", bytes(float64(counted.Bytes)))
		if !counted.Since.IsZero() {
			text += "; it counts since " + counted.Since.UTC().Format(time.DateTime)
		}
		x.Evidence = append(x.Evidence, text)
	}
	var never []string
	if s := a.studied(first.read.Name); s != nil {
		never = unasked(first.read, s.Used)
	}
	switch {
	case pattern(a.Now.Reads, first.read.Name).Requests == 0:
		x.Says = fmt.Sprintf("the index %s is kept for the read %s, which nobody asks for: take the read out", ix.Name, first.read.Name)
		x.Change = a.file.drop("reads", first.read.Name)
	case len(never) > 0 && len(never) < len(first.read.Filter):
		x.Says = fmt.Sprintf("the index %s is kept for %s with %s given, which nobody gives", ix.Name, first.read.Name, strings.Join(never, " or "))
		x.Change = a.file.set("reads", first.read.Name, "filter", "["+strings.Join(without(first.read.Filter, never), ", ")+"]")
	case len(never) > 0:
		x.Says = fmt.Sprintf("the index %s is kept for %s with %s given, which nobody gives", ix.Name, first.read.Name, strings.Join(never, " or "))
		x.Change = a.file.cut(first.read.Name, "filter")
	default:
		x.Says = fmt.Sprintf("the index %s is kept for a choice of filters of %s that nobody makes: %s", ix.Name, first.read.Name, first.filters())
		x.Think += "; a filter that is always given is better a `by`"
		x.Change = a.file.show("reads", first.read.Name)
	}
	for _, u := range users[1:] {
		if u.read != first.read {
			x.Evidence = append(x.Evidence, "it would be kept for "+u.read.Name+" too, likewise without use")
		}
	}
	for i := range a.out.Advice { // one change is enough for both
		if y := &a.out.Advice[i]; y.Kind == Unused && y.Change != nil && x.Change != nil && *y.Change == *x.Change {
			y.Evidence = append(append(y.Evidence, "the index "+ix.Name+" goes with it"), x.Evidence...)
			return
		}
	}
	a.say(x)
}

// filters names the filters that are given.
func (u user) filters() string {
	var names []string
	for i, f := range u.read.Filter {
		if u.mask&(1<<i) != 0 {
			names = append(names, f.Name)
		}
	}
	if names == nil {
		return "none of them"
	}
	return strings.Join(names, " with ")
}

// unasked lists the filters of a read that were never given.
func unasked(r *model.Read, used []uint64) (names []string) {
	for i, f := range r.Filter {
		given := false
		for mask, n := range used {
			given = given || n > 0 && mask&(1<<i) != 0
		}
		if !given {
			names = append(names, f.Name)
		}
	}
	return names
}

func without(fields []*model.Field, names []string) (rest []string) {
	for _, f := range fields {
		if !slices.Contains(names, f.Name) {
			rest = append(rest, f.Name)
		}
	}
	return rest
}

// around counts the requests that read or wrote rows of an entity. Those of a view are written by
// whatever writes to its source.
func (a *adviser) around(e *model.Entity) (reads, writes uint64) {
	for _, r := range a.Model.Reads {
		if r.Of == e {
			reads += pattern(a.Now.Reads, r.Name).Requests
		}
	}
	written := e
	if e.View != nil {
		written = e.View.From
	}
	for _, w := range a.Model.Writes {
		if slices.ContainsFunc(w.Steps, func(s *model.Step) bool { return s.Entity == written && s.Op != model.OpRead }) {
			writes += pattern(a.Now.Writes, w.Name).Requests
		}
	}
	return reads, writes
}

func (a *adviser) counted(ix *model.Index) *store.IndexUse {
	for i := range a.Indexes {
		if x := a.Indexes[i].Index; x.Name == ix.Name && x.Entity.Name == ix.Entity.Name {
			return &a.Indexes[i]
		}
	}
	return nil
}
