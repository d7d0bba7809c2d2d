package model

import (
	"fmt"
	"regexp"
	"strings"
)

// likely gives the known name that was probably meant, "" where nothing comes close or two come
// equally close.
func likely(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	best := nearest(name, known)
	if best == "" {
		return ""
	}
	least := edits(name, best, len(name)+len(best))
	for _, k := range known {
		if k != best && edits(name, k, least) == least {
			return ""
		}
	}
	return best
}

// orOneOf ends a sentence about an unknown name: what was probably meant, or all there is.
func orOneOf(name string, known []string) string {
	if l := likely(name, known); l != "" {
		return fmt.Sprintf("did you mean %s?", l)
	}
	switch {
	case len(known) == 0:
		return ""
	case len(known) == 1:
		return "there is only " + known[0]
	case len(known) > 20:
		return "there are " + strings.Join(known[:20], ", ") + " and others"
	}
	return "there are " + strings.Join(known, ", ")
}

var (
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

	// reserved names stand for something else in expressions or addresses.
	reserved = words("batch changes operations feeds row input auth now event item me " +
		"true false null in as break const continue else for function if import let loop package namespace return var void while")
)

const longestName = 60

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// checkName complains about a name that the model may not give. What is such as "entity".
func (c *complaints) checkName(at spot, what, name string) bool {
	switch {
	case !nameForm.MatchString(name):
		x := c.refuse(at, "%s name %q is not lower_snake", what, name).
			why("names become columns, addresses and words of expressions")
		if s := snake(name); nameForm.MatchString(s) {
			x.fix("write %s", s)
		} else {
			x.fix("begin with a letter a to z, then letters, digits and _")
		}
	case len(name) > longestName:
		c.refuse(at, "%s name %q is longer than %d characters", what, name[:20]+"…", longestName).
			why("databases cut longer names, and two cut names may become one").fix("choose a shorter name")
	case reserved[name]:
		c.refuse(at, "%s may not be called %q: the word is reserved", what, name).
			why("expressions or addresses already use it for something else").fix("choose another name, such as %s_%s", name, lastWord(what))
	default:
		return true
	}
	return false
}

func lastWord(s string) string {
	f := strings.Fields(s)
	return f[len(f)-1]
}

// snake turns fooBar, Foo-Bar and "foo bar" into foo_bar.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case 'A' <= r && r <= 'Z':
			if i > 0 && !strings.HasSuffix(b.String(), "_") {
				b.WriteByte('_')
			}
			b.WriteRune(r + 'a' - 'A')
		case r == '-' || r == ' ' || r == '.':
			b.WriteByte('_')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
