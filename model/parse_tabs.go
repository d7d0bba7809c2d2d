package model

import "strings"

// untabbed makes a space of each tab that separates words. YAML allows such tabs, but its parser does
// not count them and so loses the column. Tabs in quotes and in the indentation stay: the former are
// text, the latter are refused.
func untabbed(src string) string {
	if !strings.Contains(src, "\t") {
		return src
	}
	out := []byte(src)
	var quote byte   // the quote that is open, 0 for none
	indented := true // only spaces and tabs so far in this line
	opens := true    // a quote here would begin a quoted text
	for i := 0; i < len(out); i++ {
		c := out[i]
		if quote != 0 {
			switch {
			case c == '\\' && quote == '"':
				i++
			case c == quote:
				quote = 0
			}
			continue
		}
		switch {
		case c == '\n':
			indented, opens = true, true
			continue
		case c == ' ':
			continue
		case c == '\t':
			if !indented {
				out[i] = ' '
			}
			continue
		case (c == '"' || c == '\'') && opens:
			quote = c
		}
		indented = false
		opens = strings.IndexByte(":,{[-?", c) >= 0
	}
	return string(out)
}
