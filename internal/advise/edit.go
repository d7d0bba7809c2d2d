package advise

import (
	"strings"
	"unicode/utf8"

	"github.com/partita-dev/partita/model"
)

// Change is what to change in the model file.
type Change struct {
	File string `json:"file"`
	Line int    `json:"line"`          // from 1
	Old  string `json:"old,omitempty"` // the line as it is; "": New comes before it
	New  string `json:"new,omitempty"` // what to write there, of several lines at times; "": nothing
}

// file is the model file.
type file struct {
	name  string
	text  []byte
	lines []string
}

func newFile(name string, text []byte) file {
	return file{name, text, strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")}
}

// line gives the change of a line that is there; nil where it is not.
func (f *file) line(n int, change func(old string) string) *Change {
	if n < 1 || n > len(f.lines) {
		return nil
	}
	old := f.lines[n-1]
	return &Change{File: f.name, Line: n, Old: strings.TrimSpace(old), New: strings.TrimSpace(change(old))}
}

// set gives a member of a pattern, such as `fresh` of a read, another value: in place, or added.
func (f *file) set(section, name, member, value string) *Change {
	if at, ok := model.Locate(f.text, section, name, member); ok {
		return f.line(at.Line, func(old string) string {
			from, to := valueOf(old, at.Column)
			return old[:from] + value + old[to:]
		})
	}
	at, ok := model.Locate(f.text, section, name)
	if !ok {
		return nil
	}
	entry := member + ": " + value
	return f.line(at.Line, func(old string) string {
		from, _ := valueOf(old, at.Column)
		if from >= len(old) || old[from] != '{' {
			return old + "\n" + strings.Repeat(" ", max(0, at.Inside-at.Column)) + entry
		}
		end := closing(old, from)
		if end < 0 { // it goes on below
			return old[:from+1] + entry + ", " + old[from+1:]
		}
		inside := strings.TrimRight(old[from+1:end], " ")
		if strings.TrimSpace(inside) == "" {
			return old[:from+1] + entry + old[end:]
		}
		return old[:from+1] + inside + ", " + entry + old[end:]
	})
}

// cut takes a member of a read out.
func (f *file) cut(read, member string) *Change {
	at, ok := model.Locate(f.text, "reads", read, member)
	if !ok {
		return nil
	}
	return f.line(at.Line, func(old string) string {
		from := offset(old, at.Column)
		_, to := valueOf(old, at.Column)
		before, after := old[:from], old[to:]
		if rest, ok := strings.CutPrefix(after, ","); ok {
			return before + strings.TrimLeft(rest, " ")
		}
		return strings.TrimSuffix(strings.TrimRight(before, " "), ",") + after
	})
}

// drop takes a pattern out whose declaration is one line; a longer one is shown where it begins.
func (f *file) drop(section, name string) *Change {
	at, ok := model.Locate(f.text, section, name)
	if !ok {
		return nil
	}
	return f.line(at.Line, func(string) string { return "" })
}

// show gives the line where something is declared, as it is.
func (f *file) show(path ...string) *Change {
	at, ok := model.Locate(f.text, path...)
	if !ok {
		return nil
	}
	return f.line(at.Line, func(old string) string { return old })
}

// member gives the change that adds a line to a section, or the section too.
func (f *file) member(section, line string) *Change {
	if at, ok := model.Locate(f.text, section); ok {
		indent := max(2, at.Inside-at.Column)
		return f.line(at.Line, func(old string) string { return old + "\n" + strings.Repeat(" ", indent) + line })
	}
	return &Change{File: f.name, Line: len(f.lines), New: section + ":\n  " + line}
}

// offset turns a column into a place in a line.
func offset(line string, column int) int {
	at := 0
	for range column - 1 {
		_, n := utf8.DecodeRuneInString(line[at:])
		at += n
	}
	return at
}

// valueOf finds the value of a key within its line; both ends are the line's where it has none there.
func valueOf(line string, column int) (from, to int) {
	from = offset(line, column)
	colon := strings.IndexByte(line[from:], ':')
	if colon < 0 {
		return len(line), len(line)
	}
	from += colon + 1
	for from < len(line) && line[from] == ' ' {
		from++
	}
	if from == len(line) || line[from] == '#' {
		return len(line), len(line)
	}
	switch line[from] {
	case '{', '[':
		if end := closing(line, from); end >= 0 {
			return from, end + 1
		}
		return from, len(line)
	case '"', '\'':
		if end := strings.IndexByte(line[from+1:], line[from]); end >= 0 {
			return from, from + end + 2
		}
	}
	to = from
	for to < len(line) && line[to] != ',' && line[to] != '}' && line[to:min(len(line), to+2)] != " #" {
		to++
	}
	return from, from + len(strings.TrimRight(line[from:to], " "))
}

// closing finds the bracket that closes the one at a place of a line; -1: it is not in this line.
func closing(line string, from int) int {
	depth, quote := 0, byte(0)
	for i := from; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
