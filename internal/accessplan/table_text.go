package accessplan

import (
	"fmt"
	"strings"
)

// Text renders the plan for people.
func (p *Plan) Text() string {
	var out page
	out.line(p.summary())
	p.partitionText(&out)
	p.readText(&out)
	p.writeText(&out)
	p.viewText(&out)
	p.eventText(&out)
	p.restText(&out)
	return out.String()
}

func (p *Plan) summary() string {
	parts := []string{count(len(p.Reads), "read", "reads"), count(len(p.Writes), "write", "writes")}
	if n := len(p.Views); n > 0 {
		parts = append(parts, count(n, "view", "views"))
	}
	if n := len(p.Events); n > 0 {
		parts = append(parts, count(n, "event", "events"))
	}
	return p.Service + ": " + strings.Join(parts, ", ")
}

func (p *Plan) partitionText(out *page) {
	out.heading("PARTITIONS", "BY", "EXPECTED", "IN EACH", "ENTITIES")
	for _, x := range p.Partitions {
		expected, each := "-", "-"
		if x.Expect > 0 {
			expected = countText(x.Expect)
		}
		if x.Rows > 0 {
			each = countText(x.Rows) + " rows, ~" + bytesText(x.Bytes)
			if x.Rows == 1 {
				each = "1 row, ~" + bytesText(x.Bytes)
			}
		}
		entities := strings.Join(x.Entities, ", ")
		if x.View != "" {
			entities = "view " + x.View
		}
		out.row(x.Name, x.By+" "+x.Type, expected, each, entities)
	}
}

func (p *Plan) readText(out *page) {
	if len(p.Reads) == 0 {
		return
	}
	out.heading("READS", "PARTITION", "ANSWER", "FRESHNESS", "PRIORITY", "EXPECTED")
	for _, r := range p.Reads {
		out.row(r.Name, r.Partition, r.answer(), freshness(r.Fresh, r.Stale), r.Priority, rateText(r.Expect))
		var served []string
		for _, s := range r.Served {
			served = append(served, s.text(len(r.Served) > 1))
		}
		out.items("served by", served)
		out.detail("changed by", r.Changed.text())
	}
}

func (r Read) answer() string {
	if r.Kind == "get" {
		return "one " + r.Entity
	}
	return fmt.Sprintf("%s, %d a page", r.Entity, r.Page)
}

func freshness(fresh, stale string) string {
	text := "latest"
	if fresh != "" {
		text = "fresh " + fresh
	}
	if stale != "" {
		text += ", stale " + stale
	}
	return text
}

func rateText(perSecond float64) string {
	if perSecond == 0 {
		return ""
	}
	return countText(perSecond) + "/s"
}

func (s Served) text(tellGiven bool) string {
	text := s.Index + " (" + strings.Join(s.Fields, ", ") + ")"
	if !tellGiven {
		return text
	}
	if len(s.Given) == 0 {
		return text + " without filters"
	}
	return text + " with " + strings.Join(s.Given, " and ")
}

func (c ChangedBy) text() string {
	text := "nothing in this model"
	if len(c.Writes) > 0 {
		text = strings.Join(c.Writes, ", ")
	}
	if c.View != "" {
		text = "view " + c.View + ", after " + text
	}
	if c.Expiry != "" {
		text += "; rows expire after " + c.Expiry
	}
	return text
}

func (p *Plan) writeText(out *page) {
	if len(p.Writes) == 0 {
		return
	}
	out.heading("WRITES", "PARTITION", "WORK", "ANSWERED", "PRIORITY", "EXPECTED")
	for _, w := range p.Writes {
		out.row(w.Name, w.Partition, w.work(), answered(w.Async), w.Priority, rateText(w.Expect))
		if len(w.Steps) > 1 {
			var steps []string
			for _, s := range w.Steps {
				steps = append(steps, s.text())
			}
			out.items("steps", steps)
		} else if len(w.Steps) == 1 && w.Steps[0].guarded() {
			out.detail("step", w.Steps[0].text())
		}
		out.detail("emits", strings.Join(w.Emits, ", "))
		out.detail("changes", w.changes())
	}
}

func (w Write) work() string {
	switch {
	case w.Code:
		return "a Go function"
	case len(w.Steps) == 1:
		return w.Steps[0].Op + " " + w.Steps[0].Entity
	}
	return fmt.Sprintf("%d steps", len(w.Steps))
}

func (w Write) changes() string {
	text := "no read"
	if len(w.Changes) > 0 {
		text = strings.Join(w.Changes, ", ")
	}
	if len(w.Views) > 0 {
		text += "; later " + strings.Join(prefixed("view ", w.Views), ", ")
	}
	return text
}

func prefixed(prefix string, list []string) []string {
	return names(list, func(s string) string { return prefix + s })
}

func answered(async string) string {
	switch async {
	case "offered":
		return "when done, or 202"
	case "always":
		return "202 at once"
	}
	return "when done"
}

func (s Step) guarded() bool { return s.When != "" || s.If != "" || s.Each != "" || len(s.By) > 0 }

func (s Step) text() string {
	text := s.Op + " " + s.Entity
	if s.Each != "" {
		text += fmt.Sprintf(" for each of %s, at most %d", s.Each, s.Max)
	}
	if len(s.By) > 0 {
		text += fmt.Sprintf(" by %s, at most %d", strings.Join(s.By, ", "), s.Max)
	}
	if s.When != "" {
		text += ", when " + s.When
	}
	if s.If != "" {
		text += ", if " + s.If
	}
	return text
}

func (p *Plan) viewText(out *page) {
	if len(p.Views) == 0 {
		return
	}
	out.heading("VIEWS", "FROM", "BY", "KEEPS")
	for _, v := range p.Views {
		keeps := strings.Join(v.Folds, ", ")
		if keeps == "" {
			keeps = "its key"
			if len(v.Fields) > 0 {
				keeps += " and " + strings.Join(v.Fields, ", ")
			}
		}
		out.row(v.Name, v.From, v.Partition, keeps)
		out.detail("follows", orNobody(v.Follows))
		out.detail("read by", orNobody(v.Reads))
	}
}

func orNobody(list []string) string {
	if len(list) == 0 {
		return "nothing in this model"
	}
	return strings.Join(list, ", ")
}

func (p *Plan) eventText(out *page) {
	if len(p.Events) == 0 {
		return
	}
	out.heading("EVENTS", "EMITTED BY", "CARRIES")
	for _, e := range p.Events {
		carries := "nothing"
		if len(e.Data) > 0 {
			carries = strings.Join(e.Data, ", ")
		}
		emitted := "nothing in this model"
		if len(e.Emitted) > 0 {
			emitted = e.Emitted[0]
		}
		out.row(e.Name, emitted, carries)
		if len(e.Emitted) > 1 {
			out.detail("and by", strings.Join(e.Emitted[1:], ", "))
		}
		out.detail("waits", e.After)
		out.detail("delivered", strings.Join(e.Hosts, ", "))
		out.detail("then", e.then())
	}
}

func (e Event) then() string {
	if e.Then == "" {
		return ""
	}
	text := e.Then
	if e.Each != "" {
		text += " for each of " + e.Each
	}
	if e.Done != "" {
		text += "; when done " + e.Done
	}
	if e.Refused != "" {
		text += "; when refused " + e.Refused
	}
	return text
}

func (p *Plan) restText(out *page) {
	if len(p.Schedules) > 0 {
		out.heading("SCHEDULES", "EVERY", "EMITS")
		for _, s := range p.Schedules {
			out.row(s.Name, s.Every+" "+s.Zone, s.Emits)
		}
	}
	if len(p.Feeds) > 0 {
		out.heading("FEEDS", "OF")
		for _, f := range p.Feeds {
			out.row(f.Name, strings.Join(f.Of, ", "))
		}
	}
	if len(p.Limits) > 0 {
		out.heading("LIMITS", "RATE", "PER", "OF")
		for _, l := range p.Limits {
			out.row(l.Name, fmt.Sprintf("%s, burst %s", rateText(l.Rate), countText(l.Burst)), strings.Join(l.Per, ", "), strings.Join(l.Of, ", "))
		}
	}
	if len(p.Metrics) > 0 {
		out.heading("METRICS", "OF", "FIGURE", "BY")
		for _, m := range p.Metrics {
			figure := "count"
			if m.Sum != "" {
				figure = "sum of " + m.Sum
			}
			out.row(m.Name, m.Of, figure, strings.Join(m.By, ", "))
		}
	}
}
