package model

import (
	"regexp"
	"strings"
)

var (
	noCondition = regexp.MustCompile(`^a condition must be true or false, but this gives (.*)$`)
	gives       = regexp.MustCompile(`^this gives (.*), but (.*) is wanted$`)
	worksNotOn  = regexp.MustCompile(`^(\S+) does not work on \((.*)\)$`)
	neverIs     = regexp.MustCompile(`^(\w+) is never "(.*)"$`)
)

const functions = "date, year, month, day, weekday, hour, minute, second, timestamp, duration, size, contains, startsWith, endsWith, matches, int, double, string, decimal"

// advise says what to write instead of an expression that does not compile, where the complaint does
// not say it by itself.
func advise(x *Complaint, text, source string, env *Env) {
	if m := neverIs.FindStringSubmatch(text); m != nil {
		x.why("a comparison with it decides nothing")
		for _, c := range textComparisons(scanExpr(source), env) {
			if c.field.Name == m[1] && x.Fix == "" {
				x.fix("%s", orOneOf(m[2], c.field.Type.Enum))
			}
		}
		return
	}
	if x.Fix != "" {
		return
	}
	if m := noCondition.FindStringSubmatch(text); m != nil {
		switch {
		case strings.HasSuffix(m[1], "string"):
			x.fix("compare it with something: … == 'text'")
		case strings.HasSuffix(m[1], "int"), strings.HasSuffix(m[1], "float"), strings.HasSuffix(m[1], "decimal"):
			x.fix("compare it with something: … > 0")
		default:
			x.fix("compare it with something")
		}
		return
	}
	if m := gives.FindStringSubmatch(text); m != nil {
		x.fix("%s", conversion(bareType(m[1]), bareType(m[2])))
		return
	}
	if m := worksNotOn.FindStringSubmatch(text); m != nil {
		switch m[1] {
		case "size":
			x.fix("size counts texts, bytes and lists")
		case "date":
			x.fix("date takes a time, or a text such as '2026-05-01'")
		case "year", "month", "day", "weekday":
			x.fix("%s takes a time or a date", m[1])
		case "hour", "minute", "second":
			x.fix("%s takes a time", m[1])
		case "+", "-", "*", "/", "%", "<", ">", "<=", ">=", "==", "!=":
			x.fix("make both sides of one type, such as with int(…), double(…), string(…) or decimal(…)")
		default:
			x.fix("give it values of another type")
		}
		return
	}
	if strings.HasPrefix(text, "there is no function ") {
		x.fix("there are " + functions)
	}
}

// bareType takes article and question mark from a type.
func bareType(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "an "), "a ")
	return strings.TrimSuffix(s, "?")
}

// conversion says how to make one type of another.
func conversion(from, to string) string {
	switch {
	case to == "number":
		return "name a field or a value of type int, decimal or float"
	case to == "int" && (from == "string" || from == "float"):
		return "write int(…) around it, or use a value of type int"
	case to == "float" && (from == "string" || from == "int"):
		return "write double(…) around it, or use a value of type float"
	case to == "string" && (from == "int" || from == "float" || from == "bool" || from == "decimal" || from == "date"):
		return "write string(…) around it, or use a text"
	case to == "time" && from == "string":
		return "write timestamp(…) around it, or use a value of type time"
	case to == "date" && (from == "time" || from == "string"):
		return "write date(…) around it"
	case to == "decimal" && (from == "int" || from == "string"):
		return "write decimal(…) around it"
	}
	return "use a value of the type that is wanted"
}
