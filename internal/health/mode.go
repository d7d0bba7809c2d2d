package health

import (
	"slices"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/model"
)

// modes are the values of the header Partita-Degraded by pattern, for the states as they are now.
type modes struct{ reads, writes map[string][]string }

// Read gives the value of the header Partita-Degraded for answers to a read, nil where there is nothing to
// say. It is a list (RFC 9651): the part that is not well, how it is, since when, and what that means
// here. It costs nothing while all is well. The value must not be changed.
func (b *Board) Read(r *model.Read) []string {
	if m := b.modes.Load(); m != nil {
		return m.reads[r.Name]
	}
	return nil
}

// Write gives the same for answers to a write.
func (b *Board) Write(w *model.Write) []string {
	if m := b.modes.Load(); m != nil {
		return m.writes[w.Name]
	}
	return nil
}

// remode makes the values anew. The Board's lock is held.
func (b *Board) remode() {
	m := &modes{reads: map[string][]string{}, writes: map[string][]string{}}
	names := make([]string, 0, len(b.parts))
	for name := range b.parts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c := &b.parts[name].Component
		if c.State == OK {
			continue
		}
		for _, e := range c.Effects {
			text := strings.ReplaceAll(c.Name, " ", "-") + "; state=" + string(c.State) + "; since=@" + strconv.FormatInt(c.Since.Unix(), 10) + "; effect=" + e.How
			add(m.reads, e.Reads, text)
			add(m.writes, e.Writes, text)
		}
	}
	if len(m.reads)+len(m.writes) == 0 {
		m = nil
	}
	b.modes.Store(m)
}

func add(to map[string][]string, patterns []string, text string) {
	for _, p := range patterns {
		if old := to[p]; old != nil {
			to[p] = []string{old[0] + ", " + text}
			continue
		}
		to[p] = []string{text}
	}
}
