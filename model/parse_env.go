package model

import (
	"regexp"
	"strings"
)

var placeholder = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// substitute replaces ${NAME} and ${NAME:-default} in one value. What comes in is text: it becomes
// neither structure nor an expression.
func (r *yamlReader) substitute(at spot, text string) (string, bool) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), true
		}
		b.WriteString(text[:i])
		text = text[i:]
		m := placeholder.FindStringSubmatch(text)
		if m == nil {
			r.refuse(at, "`${` begins a variable, but none is named here").
				fix("write ${NAME} or ${NAME:-default}, with letters, digits and _ in the name")
			return "", false
		}
		value, set := r.env(m[1])
		switch {
		case m[2] != "" && value == "":
			value = m[3]
		case m[2] == "" && !set:
			r.refuse(at, "the variable %s is not set", cut(m[1])).
				why("without a value the model would mean something else").
				fix("set %s in the environment, or give a default: ${%s:-…}", cut(m[1]), cut(m[1]))
			return "", false
		}
		b.WriteString(value)
		text = text[len(m[0]):]
	}
}
