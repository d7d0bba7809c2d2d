package accessplan

import (
	"fmt"
	"strings"
)

// Text renders it for people.
func (x *Explanation) Text() string {
	var out page
	if x.Read != nil {
		x.Read.text(&out)
	}
	if x.Write != nil {
		x.Write.text(&out)
	}
	return out.String()
}

func (x *ReadExplained) text(out *page) {
	out.heading(fmt.Sprintf("read %s: %s, in one partition of %s", x.Name, x.answer(), x.Partition))
	out.detail("address", x.Address)
	out.detail("shows", strings.Join(x.Shows, ", "))
	out.detail("freshness", x.freshnessText())
	out.detail("priority", x.Priority)
	out.detail("expected", rateText(x.Expect))
	var served []string
	for _, s := range x.Served {
		served = append(served, s.text(len(x.Served) > 1))
	}
	out.items("served by", served)
	out.detail("changed by", x.Changed.text())
	out.detail("allowed", x.Access.sentence())
	out.detail("cost", x.costText())
	statementsText(out, x.Statements)
}

func (x *ReadExplained) costText() string {
	text := fmt.Sprintf("%s to the store, %s; about %s a row, %s an answer",
		count(x.Cost.RoundTrips, "round trip", "round trips"), count(x.Cost.Statements, "statement", "statements"),
		bytesText(float64(x.Cost.RowBytes)), bytesText(float64(x.Cost.Bytes)))
	if x.Fresh != "" {
		text += "; none of it on a hit"
	}
	return text
}

func (x *ReadExplained) freshnessText() string {
	text := "the store's latest, never from a cache"
	if x.Fresh != "" {
		text = "in health never older than " + x.Fresh
	}
	if x.Stale != "" {
		return text + "; in trouble never older than " + x.Stale
	}
	return text + "; in trouble refused"
}

func (x *WriteExplained) text(out *page) {
	out.heading(fmt.Sprintf("write %s: %s, in one partition of %s", x.Name, x.work(), x.Partition))
	out.detail("address", x.Address)
	out.detail("takes", argumentsText(x.Takes))
	out.items("steps", names(x.Steps, Step.text))
	out.detail("emits", strings.Join(x.Emits, ", "))
	out.detail("answered", answered(x.Async))
	out.detail("priority", x.Priority)
	out.detail("expected", rateText(x.Expect))
	out.detail("changes", x.changes())
	out.detail("allowed", x.Access.sentence())
	out.detail("cost", x.costText())
	statementsText(out, x.Statements)
}

func (x *WriteExplained) costText() string {
	if x.Code {
		return "depends on the function; it runs alone, not in a group"
	}
	text := "at most "
	if x.Cost.Reads > 0 {
		text += count(x.Cost.Reads, "row", "rows") + " read, "
	}
	return text + fmt.Sprintf("%s written, %s, about %s of changes; %s, shared with the group",
		count(x.Cost.Rows, "row", "rows"), count(x.Cost.IndexEntries, "index entry", "index entries"),
		bytesText(float64(x.Cost.ChangeBytes)), count(x.Cost.RoundTrips, "round trip", "round trips"))
}

func argumentsText(args []Argument) string {
	var parts []string
	for _, a := range args {
		text := a.Name + " " + a.Type
		if a.Items != nil {
			text = fmt.Sprintf("%s: at most %d of {%s}", a.Name, a.Max, argumentsText(a.Items))
		}
		if !a.Required {
			text += " (optional)"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (x Permission) sentence() string {
	whom, because := x.text()
	if because == "" {
		return whom
	}
	return whom + ": " + because
}

func statementsText(out *page, list []Statement) {
	for _, s := range list {
		out.blank()
		out.line("  " + s.When)
		if s.Index != "" {
			out.line(fmt.Sprintf("    by %s, at most %s examined", s.Index, count(s.Rows, "row", "rows")))
		}
		for _, line := range sqlLines(s.SQL) {
			out.line("    " + line)
		}
		for i, p := range s.Parameters {
			out.line(fmt.Sprintf("      $%d  %s", i+1, p))
		}
	}
}

// sqlLines breaks a statement before its clauses, and between words where it is still too long.
func sqlLines(sql string) []string {
	sql = strings.Replace(sql, "DELETE FROM ", "DELETE\u00a0FROM ", 1)
	for _, clause := range []string{"FROM", "LEFT JOIN", "WHERE", "ORDER BY", "VALUES", "SET", "ON CONFLICT"} {
		sql = strings.ReplaceAll(sql, " "+clause+" ", "\n"+clause+" ")
	}
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(sql, "\u00a0", " "), "\n") {
		for i, part := range wrap(line, pageWidth-8) {
			if i > 0 {
				part = "    " + part
			}
			lines = append(lines, part)
		}
	}
	return lines
}
