package model

import (
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Bounds of one expression. They keep a model's author from writing one that stops the service, and
// are far above what a rule or an assignment needs.
const (
	maxExprSource = 4096      // characters
	maxExprDepth  = 64        // of nesting
	maxExprCost   = 1_000_000 // in CEL's units, about one for each simple step
)

var baseTypes = sync.OnceValue(func() *types.Registry {
	r, err := types.NewRegistry()
	if err != nil {
		panic("the types of CEL cannot be registered: " + err.Error())
	}
	return r
})

// baseEnv is what all expressions have in common. It never changes once made.
var baseEnv = sync.OnceValue(func() *cel.Env {
	options := []cel.EnvOption{
		cel.ClearMacros(),
		cel.Macros(cel.StandardMacros...),
		cel.ParserExpressionSizeLimit(maxExprSource),
		cel.ParserRecursionLimit(maxExprDepth),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
	}
	options = append(options, timeFunctions()...)
	options = append(options, decimalFunctions()...)
	env, err := cel.NewEnv(options...)
	if err != nil {
		panic("the language of expressions cannot be set up: " + err.Error())
	}
	return env
})

func timeFunctions() []cel.EnvOption {
	options := []cel.EnvOption{
		cel.Function("date",
			cel.Overload("date_of_time", []*cel.Type{cel.TimestampType}, dateType, cel.UnaryBinding(func(v ref.Val) ref.Val {
				return dateVal(dayOf(v.(types.Timestamp).UnixMicro()))
			})),
			cel.Overload("date_of_string", []*cel.Type{cel.StringType}, dateType, cel.UnaryBinding(func(v ref.Val) ref.Val {
				d, p := parseDate(string(v.(types.String)))
				if p.bad() {
					return types.NewErr("%s", reasonNotDate)
				}
				return dateVal(d.n)
			}))),
		cel.Function("string", cel.Overload("date_to_string", []*cel.Type{dateType}, cel.StringType, cel.UnaryBinding(toText))),
	}
	for _, part := range []struct {
		name   string
		ofDate bool
		of     func(time.Time) int
	}{
		{"year", true, time.Time.Year},
		{"month", true, func(t time.Time) int { return int(t.Month()) }},
		{"day", true, time.Time.Day},
		{"weekday", true, func(t time.Time) int { return int(t.Weekday()+6)%7 + 1 }},
		{"hour", false, time.Time.Hour},
		{"minute", false, time.Time.Minute},
		{"second", false, time.Time.Second},
	} {
		of := cel.UnaryBinding(func(v ref.Val) ref.Val {
			switch v := v.(type) {
			case types.Timestamp:
				return types.Int(part.of(v.UTC()))
			case dateVal:
				return types.Int(part.of(time.Unix(int64(v)*24*60*60, 0).UTC()))
			}
			return types.MaybeNoSuchOverloadErr(v)
		})
		overloads := []cel.FunctionOpt{
			cel.Overload(part.name+"_of_time", []*cel.Type{cel.TimestampType}, cel.IntType, of),
			cel.MemberOverload("time_"+part.name, []*cel.Type{cel.TimestampType}, cel.IntType, of),
		}
		if part.ofDate {
			overloads = append(overloads,
				cel.Overload(part.name+"_of_date", []*cel.Type{dateType}, cel.IntType, of),
				cel.MemberOverload("date_"+part.name, []*cel.Type{dateType}, cel.IntType, of))
		}
		options = append(options, cel.Function(part.name, overloads...))
	}
	return append(options, comparisons("date", dateType)...)
}

func decimalFunctions() []cel.EnvOption {
	two := []*cel.Type{decimalType, decimalType}
	options := []cel.EnvOption{
		cel.Function("decimal",
			cel.Overload("decimal_of_string", []*cel.Type{cel.StringType}, decimalType, cel.UnaryBinding(func(v ref.Val) ref.Val {
				return parseDecimalLiteral(string(v.(types.String)))
			})),
			cel.Overload("decimal_of_int", []*cel.Type{cel.IntType}, decimalType, cel.UnaryBinding(func(v ref.Val) ref.Val {
				return decimalVal(Decimal(int64(v.(types.Int)), 0))
			}))),
		cel.Function("string", cel.Overload("decimal_to_string", []*cel.Type{decimalType}, cel.StringType, cel.UnaryBinding(toText))),
		cel.Function(operators.Add, cel.Overload("add_decimal", two, decimalType)),
		cel.Function(operators.Subtract, cel.Overload("subtract_decimal", two, decimalType)),
		cel.Function(operators.Multiply,
			cel.Overload("multiply_decimal", two, decimalType),
			cel.Overload("multiply_decimal_int", []*cel.Type{decimalType, cel.IntType}, decimalType)),
		cel.Function(operators.Negate, cel.Overload("negate_decimal", []*cel.Type{decimalType}, decimalType)),
	}
	return append(options, comparisons("decimal", decimalType)...)
}

// comparisons lets CEL order the values of a type, by its Compare.
func comparisons(name string, t *cel.Type) []cel.EnvOption {
	two := []*cel.Type{t, t}
	return []cel.EnvOption{
		cel.Function(operators.Less, cel.Overload("less_"+name, two, cel.BoolType)),
		cel.Function(operators.LessEquals, cel.Overload("less_equals_"+name, two, cel.BoolType)),
		cel.Function(operators.Greater, cel.Overload("greater_"+name, two, cel.BoolType)),
		cel.Function(operators.GreaterEquals, cel.Overload("greater_equals_"+name, two, cel.BoolType)),
	}
}

func toText(v ref.Val) ref.Val { return v.ConvertToType(types.StringType) }

// parseDecimalLiteral reads a decimal with as many digits behind the point as it has.
func parseDecimalLiteral(text string) ref.Val {
	form, ok := scanNumber(text)
	if !ok || form.exponent != "" || len(form.fraction) > maxScale {
		return types.NewErr("%s", reasonNotDecimal)
	}
	n, state := parseScaled(text, len(form.fraction), false)
	if state != exact {
		return errTooLarge
	}
	return decimalVal(Decimal(n, uint8(len(form.fraction))))
}
