package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Complaint is one thing that is wrong with a model file.
type Complaint struct {
	Line, Column int    // from 1; the column counts characters, a tab is one
	Text         string // what is wrong
	Why          string // why it matters; may be empty
	Fix          string // what to write instead
	Source       string // the line, for the caret
}

// Complaints is everything that is wrong with one file, in the order of the file.
type Complaints struct {
	File string
	List []Complaint
}

// Error gives the complaints as a person sees them: file:line:column, the line with a caret, why it
// matters, and what to write instead. At most maxShown are shown, the rest is counted.
func (c *Complaints) Error() string {
	var b strings.Builder
	for i := range c.List {
		if i == maxShown {
			fmt.Fprintf(&b, "\nand %d more\n", len(c.List)-maxShown)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		c.List[i].write(&b, c.File)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const (
	maxShown   = 100 // complaints that are written out
	shownWidth = 100 // columns of a source line that are shown
)

func (c *Complaint) write(b *strings.Builder, file string) {
	fmt.Fprintf(b, "%s:%d:%d: %s\n", file, c.Line, c.Column, c.Text)
	if c.Source != "" {
		line, caret := excerpt(c.Source, c.Column)
		fmt.Fprintf(b, "%5d | %s\n      | %s^\n", c.Line, line, strings.Repeat(" ", caret))
	}
	if c.Why != "" {
		fmt.Fprintf(b, "   why: %s\n", c.Why)
	}
	if c.Fix != "" {
		fmt.Fprintf(b, "   fix: %s\n", c.Fix)
	}
}

// excerpt makes a source line fit to be shown: tabs become spaces, what a terminal would act upon
// becomes a replacement character, and a long line is cut around the column. caret is the number
// of places before it.
func excerpt(source string, column int) (line string, caret int) {
	type cell struct {
		r     rune
		width int
	}
	var cells []cell
	at := -1
	place := 0
	n := 0
	for _, r := range source {
		n++
		if n == column {
			at, caret = len(cells), place
		}
		if r == '\t' {
			for range 4 {
				cells = append(cells, cell{' ', 1})
			}
			place += 4
			continue
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			r = unicode.ReplacementChar
		}
		w := width(r)
		cells = append(cells, cell{r, w})
		place += w
	}
	if at < 0 {
		at, caret = len(cells), place
	}
	from, to := 0, len(cells)
	if place > shownWidth {
		from, to = max(0, at-shownWidth/2), min(len(cells), at+shownWidth/2)
	}
	var b strings.Builder
	if from > 0 {
		b.WriteString("… ")
		caret = 2
		for _, c := range cells[from:at] {
			caret += c.width
		}
	}
	for _, c := range cells[from:to] {
		b.WriteRune(c.r)
	}
	if to < len(cells) {
		b.WriteString(" …")
	}
	return strings.TrimRight(b.String(), " "), caret
}

// wide holds the ranges of characters that take two places.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x2e80, Hi: 0xa4cf, Stride: 1}, {Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1}, {Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

func width(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// spot is a place in the file; the zero spot is its beginning.
type spot struct{ line, column int }

// complaints gathers what is wrong while a file is read.
type complaints struct {
	file  string
	lines []string
	found []*Complaint
}

// refuse adds a complaint; its why and fix are added to what it returns.
func (c *complaints) refuse(at spot, format string, args ...any) *Complaint {
	x := &Complaint{Line: max(at.line, 1), Column: max(at.column, 1), Text: fmt.Sprintf(format, args...)}
	x.Line = min(x.Line, max(len(c.lines), 1))
	if len(c.lines) > 0 {
		x.Source = c.lines[x.Line-1]
	}
	x.Column = min(x.Column, utf8.RuneCountInString(x.Source)+1)
	c.found = append(c.found, x)
	return x
}

func (c *Complaint) why(format string, args ...any) *Complaint {
	c.Why = fmt.Sprintf(format, args...)
	return c
}

func (c *Complaint) fix(format string, args ...any) { c.Fix = fmt.Sprintf(format, args...) }

// result gives all complaints in the order of the file, each once; nil if there are none.
func (c *complaints) result() error {
	if len(c.found) == 0 {
		return nil
	}
	slices.SortStableFunc(c.found, func(a, b *Complaint) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	out := &Complaints{File: c.file}
	for _, x := range c.found {
		if n := len(out.List); n > 0 && out.List[n-1] == *x {
			continue
		}
		out.List = append(out.List, *x)
	}
	return out
}
