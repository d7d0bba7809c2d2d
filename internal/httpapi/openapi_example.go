package httpapi

import (
	"regexp/syntax"
	"strings"

	"github.com/partita-dev/partita/model"
)

func rowExample(fields []*model.Field) object {
	row := object{}
	for _, f := range fields {
		row = row.with(f.Name, exampleOf(f))
	}
	return row
}

func inputExample(inputs []*model.Input) object {
	body := object{}
	for _, in := range inputs {
		switch {
		case in.Items != nil:
			body = body.with(in.Name, []any{inputExample(in.Items)})
		case in.Required || in.Default == model.NoDefault:
			body = body.with(in.Name, exampleOf(in.Field))
		}
	}
	return body
}

// exampleOf makes a value that the field takes.
func exampleOf(f *model.Field) any {
	t := &f.Type
	switch t.Kind {
	case model.KindInt, model.KindFloat:
		return exampleNumber(f)
	case model.KindBool:
		return true
	case model.KindUUID:
		return "01890a5d-ac96-774b-bcce-b302099a8057"
	case model.KindTime:
		return "2026-01-31T12:00:00Z"
	case model.KindDate:
		return "2026-01-31"
	case model.KindBytes:
		return "AQ=="
	case model.KindJSON:
		return obj("any", "thing")
	case model.KindDecimal:
		return "1"
	case model.KindEmail:
		return "ann@example.com"
	case model.KindURL:
		return "https://example.com/"
	case model.KindEnum:
		return t.Enum[0]
	}
	return exampleText(f)
}

// exampleNumber is 1, or the bound that is nearest to it.
func exampleNumber(f *model.Field) any {
	bound := model.Null
	if !f.Min.IsNull() && f.Min.Float() > 1 {
		bound = f.Min
	} else if !f.Max.IsNull() && f.Max.Float() < 1 {
		bound = f.Max
	}
	if !bound.IsNull() {
		return raw(bound)
	}
	return 1
}

// exampleText is the field's name where it fits, and otherwise the plainest text that does.
func exampleText(f *model.Field) string {
	text := f.Name[:min(len(f.Name), max(1, f.Type.Size))]
	if f.Pattern == nil || f.Pattern.MatchString(text) {
		return text
	}
	parsed, err := syntax.Parse(f.Pattern.String(), syntax.Perl)
	if err != nil {
		return text
	}
	var b strings.Builder
	writeMatch(&b, parsed.Simplify())
	return b.String()
}

// writeMatch writes a short text that the expression matches; where a piece may be anything it
// takes a letter.
func writeMatch(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		b.WriteRune(plainest(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpCapture, syntax.OpPlus, syntax.OpAlternate:
		writeMatch(b, re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			writeMatch(b, sub)
		}
	case syntax.OpRepeat:
		for range re.Min {
			writeMatch(b, re.Sub[0])
		}
	}
}

// plainest picks a sign of a character class, which is a list of pairs from and to.
func plainest(class []rune) rune {
	for _, wanted := range "a1A-_" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= wanted && wanted <= class[i+1] {
				return wanted
			}
		}
	}
	if len(class) == 0 {
		return 'a'
	}
	return class[0]
}
