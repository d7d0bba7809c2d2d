// Package htmlpage writes the few HTML pages that commands make: markup with escaped texts in it.
package htmlpage

import (
	"fmt"
	"html"
	"strings"
)

// Page is a page that is being written. The zero value is empty.
type Page struct{ strings.Builder }

// Put writes markup, with each %s in it replaced by a text, escaped, and a line's end. Another % of the
// markup is written %%.
func (p *Page) Put(markup string, texts ...string) {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = html.EscapeString(t)
	}
	fmt.Fprintf(p, markup+"\n", list...)
}
