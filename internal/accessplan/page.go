package accessplan

import (
	"strings"
	"unicode/utf8"
)

// pageWidth is the most columns of a line, where words allow it.
const pageWidth = 100

// page builds aligned text: tables with a heading, and lines beneath a row that say more about it.
type page struct {
	lines []string
	table *table
}

// table collects rows until its columns' widths are known.
type table struct {
	rows []tableRow
}

type tableRow struct {
	cells []string
	more  []string // whole lines beneath the row
}

// heading begins a section; its first cell names the section.
func (p *page) heading(cells ...string) {
	p.blank()
	p.table = &table{rows: []tableRow{{cells: cells}}}
}

func (p *page) row(cells ...string) {
	p.table.rows = append(p.table.rows, tableRow{cells: cells})
}

// detail adds a labelled line beneath the last row, wrapped at its list's commas.
func (p *page) detail(label, text string) {
	if text == "" {
		return
	}
	last := &p.table.rows[len(p.table.rows)-1]
	last.more = append(last.more, labelled("  ", label, text)...)
}

// items adds a labelled line for each text; the label stands once.
func (p *page) items(label string, texts []string) {
	for i, text := range texts {
		if i > 0 {
			label = ""
		}
		p.detail(label, text)
	}
}

// line adds a line as it is.
func (p *page) line(text string) {
	p.flush()
	p.lines = append(p.lines, strings.TrimRight(text, " "))
}

func (p *page) blank() {
	p.flush()
	if n := len(p.lines); n > 0 && p.lines[n-1] != "" {
		p.lines = append(p.lines, "")
	}
}

func (p *page) flush() {
	if p.table == nil {
		return
	}
	var widths []int
	for _, r := range p.table.rows {
		for i, c := range r.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, r := range p.table.rows {
		var b strings.Builder
		for i, c := range r.cells {
			b.WriteString(c)
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
		}
		p.lines = append(p.lines, strings.TrimRight(b.String(), " "))
		p.lines = append(p.lines, r.more...)
	}
	p.table = nil
}

func (p *page) String() string {
	p.flush()
	return strings.TrimRight(strings.Join(p.lines, "\n"), "\n") + "\n"
}

// labelWidth is the room for labels of details.
const labelWidth = 12

// labelled writes a label and a text that is wrapped between words, each line indented alike.
func labelled(indent, label, text string) []string {
	lead := indent + label + strings.Repeat(" ", max(1, labelWidth-utf8.RuneCountInString(label)))
	room := pageWidth - utf8.RuneCountInString(lead)
	var lines []string
	for _, part := range wrap(text, room) {
		lines = append(lines, lead+part)
		lead = strings.Repeat(" ", utf8.RuneCountInString(lead))
	}
	return lines
}

func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
