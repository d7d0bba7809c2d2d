package observe

import (
	"fmt"
	"strings"

	"github.com/partita-dev/partita/model"
)

// Inactive lists the parts of a model that this release reads and checks, but does not carry out;
// one sentence for each kind.
func Inactive(m *model.Model) []string {
	list := []string{}
	say := func(kind, consequence string, named []string) {
		if len(named) > 0 {
			list = append(list, fmt.Sprintf("%s %s: %s", kind, strings.Join(named, ", "), consequence))
		}
	}
	say("limits", "they are not enforced", each(m.Limits, func(l *model.Limit) string { return l.Name }))
	return list
}

func each[T any](list []T, name func(T) string) []string {
	var out []string
	for _, x := range list {
		out = append(out, name(x))
	}
	return out
}
