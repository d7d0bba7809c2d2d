package model

import (
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that every machine knows the same zones
)

// schedules reads what happens by the clock.
func (k *compiler) schedules() {
	for _, p := range k.section("schedules", "schedule") {
		what := quoted("schedule", p.key)
		m, ok := k.mapping(p.value, what, "every zone emit")
		if !ok {
			continue
		}
		s := &Schedule{Name: p.key, Zone: "UTC"}
		for _, key := range []string{"every", "emit"} {
			if m.missing(key) {
				k.refuse(p.spot, "%s has no `%s`", what, key).fix(`write {every: "0 3 * * *", zone: UTC, emit: EVENT}`)
			}
		}
		if n := m.get("every"); n != nil {
			if text, ok := k.scalar(n, what+": every"); ok {
				s.Every = text
				if reason := cronFault(text); reason != "" {
					k.refuse(n.spot, "%s: every is %q: %s", what, cut(text), reason).
						fix("write five fields: minute hour day month weekday, such as \"0 3 * * *\" for 3 o'clock every night")
				}
			}
		}
		if n := m.get("zone"); n != nil {
			if text, ok := k.scalar(n, what+": zone"); ok {
				s.Zone = text
				if !isZone(text) {
					k.refuse(n.spot, "%s: zone is %q, which is no time zone", what, cut(text)).fix("write UTC, or a name such as Europe/Berlin")
				}
			}
		}
		if n := m.get("emit"); n != nil {
			s.Emit = k.event(n, what+" emits")
			if s.Emit != nil && s.Emit.Family != nil {
				k.refuse(n.spot, "%s emits %q, which writes emit too", what, s.Emit.Name).
					why("a schedule has no partition, and no row to take the event's data from").fix("make an event of its own for the schedule")
			}
		}
		k.m.Schedules = append(k.m.Schedules, s)
	}
}

// isZone tells whether a name is one of the time zone database, which the program brings along.
func isZone(name string) bool {
	if name == "UTC" {
		return true
	}
	_, err := time.LoadLocation(name)
	area, place, ok := strings.Cut(name, "/")
	return err == nil && ok && area != "" && place != ""
}

// cronFault says what is wrong with a cron line of five fields; "" if nothing is.
func cronFault(line string) string {
	fields := strings.Fields(line)
	if len(fields) != 5 {
		return "a line of five fields is wanted"
	}
	bounds := [...]struct {
		name      string
		low, high int
		words     string
	}{
		{"minute", 0, 59, ""}, {"hour", 0, 23, ""}, {"day", 1, 31, ""}, {"month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
		{"weekday", 0, 7, "sun mon tue wed thu fri sat"},
	}
	for i, f := range fields {
		b := bounds[i]
		for part := range strings.SplitSeq(f, ",") {
			span, step, stepped := strings.Cut(part, "/")
			if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1 || n > b.high) {
				return "the step of the " + b.name + " is wrong"
			}
			if span == "*" {
				continue
			}
			from, to, ranged := strings.Cut(span, "-")
			low, ok1 := cronValue(from, b.low, b.high, b.words)
			high, ok2 := low, ok1
			if ranged {
				high, ok2 = cronValue(to, b.low, b.high, b.words)
			}
			if !ok1 || !ok2 || low > high {
				return "the " + b.name + " must be from " + strconv.Itoa(b.low) + " to " + strconv.Itoa(b.high)
			}
		}
	}
	return ""
}

func cronValue(s string, low, high int, names string) (int, bool) {
	for i, w := range strings.Fields(names) {
		if strings.EqualFold(w, s) {
			return i + low, true
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= low && n <= high
}

// feeds reads the feeds.
func (k *compiler) feeds() {
	for _, p := range k.section("feeds", "feed") {
		what := quoted("feed", p.key)
		m, ok := k.mapping(p.value, what, "of allow")
		if !ok {
			continue
		}
		f := &Feed{Name: p.key}
		good := true
		if n := m.get("of"); n != nil {
			for _, x := range k.names(n, what+": of") {
				e := k.entity(x, what)
				if e == nil {
					good = false
					continue
				}
				if len(f.Of) > 0 && f.Of[0].Family != e.Family && f.Of[0].Family != k.unknown && e.Family != k.unknown {
					k.refuse(x.spot, "%s shows %q of partition %q, but also %q of %q", what, e.Name, e.Family.Name, f.Of[0].Name, f.Of[0].Family.Name).
						why("a feed is the changes of one partition, in order").fix("make a feed for each partition")
					good = false
					continue
				}
				f.Of = append(f.Of, e)
			}
			if n.kind == listNode && len(n.items) == 0 {
				k.refuse(n.spot, "%s shows nothing", what).fix("name at least one entity")
			}
		} else if m.missing("of") {
			k.refuse(p.spot, "%s does not say what it shows", what).fix("add of: [ENTITY]")
		}
		if good && len(f.Of) > 0 {
			family := f.Of[0].Family
			f.Allow = k.allow(m.get("allow"), m.has("allow"), p.spot, what, family, &Env{Params: []*Input{{Field: family.By, Required: true}}})
		}
		k.m.Feeds = append(k.m.Feeds, f)
	}
}

// limits reads the quotas.
func (k *compiler) limits() {
	for _, p := range k.section("limits", "limit") {
		what := quoted("limit", p.key)
		m, ok := k.mapping(p.value, what, "of per rate burst")
		if !ok {
			continue
		}
		l := &Limit{Name: p.key}
		for _, key := range []string{"of", "rate"} {
			if m.missing(key) {
				k.refuse(p.spot, "%s has no `%s`", what, key).fix("write {of: [PATTERN], per: [auth.sub], rate: 5/s, burst: 20}")
			}
		}
		known := true
		if n := m.get("of"); n != nil {
			for _, x := range k.names(n, what+": of") {
				known = k.limited(l, x, what) && known
			}
			if len(l.Reads)+len(l.Writes) == 0 && known {
				k.refuse(n.spot, "%s limits nothing", what).fix("name at least one read or write")
			}
		}
		if n := m.get("rate"); n != nil {
			l.Rate, _ = k.rate(n, what+": rate")
		}
		l.Burst = max(l.Rate, 1)
		if n := m.get("burst"); n != nil {
			if v, ok := k.count(n, what+": burst"); ok && v < 1 {
				k.refuse(n.spot, "%s: burst is below 1", what).why("no request would ever pass").fix("write 1 or more")
			} else if ok {
				l.Burst = v
			}
		}
		if n := m.get("per"); n != nil {
			env := l.env()
			if n.kind == listNode && len(n.items) == 0 {
				k.refuse(n.spot, "%s: per names nothing", what).fix("name what each has a quota of its own by, such as [auth.sub], or take `per` out: then all share one")
			}
			for _, x := range k.list(n, what+": per") {
				if x.kind == scalarNode && x.expr {
					k.refuse(x.spot, "%s: per begins with `= `", what).why("it is always an expression").fix("take the `= ` away")
					continue
				}
				if x.kind != scalarNode {
					k.refuse(x.spot, "%s: per must be an expression as text, not %s", what, x.shape()).fix("write per: [auth.sub]")
					continue
				}
				if !known && !strings.HasPrefix(x.text, "auth.") {
					continue
				}
				_, e := k.typed(x, env, what+": per", "a single value", valueTypes)
				if e != nil {
					l.Per = append(l.Per, e)
				}
			}
		}
		k.m.Limits = append(k.m.Limits, l)
	}
}

// valueTypes are tried in turn for an expression that may have any type.
var valueTypes = []Type{
	{Kind: KindString, Size: maxString, Null: true}, {Kind: KindInt, Null: true}, {Kind: KindBool, Null: true}, {Kind: KindDate, Null: true},
	{Kind: KindTime, Null: true}, {Kind: KindDecimal, Precision: 18, Scale: 9, Null: true}, {Kind: KindFloat, Null: true},
}

func (k *compiler) limited(l *Limit, x *node, what string) bool {
	r, w := k.m.Read(x.text), k.m.Write(x.text)
	if r != nil {
		l.Reads = append(l.Reads, r)
	}
	if w != nil {
		l.Writes = append(l.Writes, w)
	}
	if r == nil && w == nil {
		k.noPattern(x, what+" is of")
		return false
	}
	return true
}

func (k *compiler) noPattern(x *node, doing string) {
	if k.broken["read "+x.text] || k.broken["write "+x.text] {
		return
	}
	var names []string
	for _, r := range k.m.Reads {
		names = append(names, r.Name)
	}
	for _, w := range k.m.Writes {
		names = append(names, w.Name)
	}
	k.refuse(x.spot, "%s %q, but there is no read or write of that name", doing, cut(x.text)).fix("%s", orOneOf(x.text, names))
}

// env is what all patterns of a limit have in common: the caller, and the partition where they are
// all of one family.
func (l *Limit) env() *Env {
	env := &Env{Auth: true}
	var family *Family
	same := true
	see := func(f *Family) {
		same = same && (family == nil || family == f)
		family = f
	}
	for _, r := range l.Reads {
		see(r.Of.Family)
	}
	for _, w := range l.Writes {
		see(w.Family)
	}
	if same && family != nil {
		env.Params = []*Input{{Field: family.By, Required: true}}
	}
	return env
}

// metrics reads the business figures.
func (k *compiler) metrics() {
	for _, p := range k.section("metrics", "metric") {
		what := quoted("metric", p.key)
		m, ok := k.mapping(p.value, what, "of count sum by")
		if !ok {
			continue
		}
		x := &Metric{ID: len(k.m.Metrics), Name: p.key}
		k.m.Metrics = append(k.m.Metrics, x)
		if m.has("count") == m.has("sum") {
			k.refuse(p.spot, "%s must have either `count` or `sum`", what).fix("write count: true, or sum: ENTITY.FIELD")
		}
		n := m.get("of")
		if n == nil {
			if m.missing("of") {
				k.refuse(p.spot, "%s does not say what it counts", what).fix("add of: WRITE")
			}
			continue
		}
		name, ok := k.scalar(n, what+": of")
		if !ok {
			continue
		}
		if x.Write = k.m.Write(name); x.Write == nil {
			if x.Read = k.m.Read(name); x.Read == nil {
				k.noPattern(n, what+" is of")
				continue
			}
		}
		if x.Write != nil && !k.writes[x.Write].ok || x.Read != nil && k.broken["read params "+name] {
			continue
		}
		k.metricValues(x, m, what)
	}
}

func (k *compiler) metricValues(x *Metric, m *members, what string) {
	var env *Env
	if x.Write != nil {
		w := k.writes[x.Write]
		env = w.env(k, len(w.steps), nil)
	} else {
		env = &Env{Params: x.Read.Params, Auth: true}
	}
	if n := m.get("count"); n != nil {
		if yes, ok := k.truth(n, what+": count"); ok && !yes {
			k.refuse(n.spot, "%s has count: false", what).fix("write count: true, or take the metric out")
		}
	}
	if n := m.get("sum"); n != nil && k.metricText(n, what+": sum") {
		if x.Read != nil {
			k.refuse(n.spot, "%s sums over a read", what).why("a cached answer has no row to look at").fix("count it, or sum over a write")
		} else {
			_, x.Sum = k.typed(n, env, what+": sum", "a number", []Type{{Kind: KindInt, Null: true}, {Kind: KindDecimal, Precision: 18, Scale: 9, Null: true}, {Kind: KindFloat, Null: true}})
		}
	}
	n := m.get("by")
	if n == nil {
		return
	}
	add := func(name string, value *node) {
		if !k.metricText(value, what+": by") {
			return
		}
		t, e := k.typed(value, env, what+": by", "a single value", valueTypes)
		if e != nil && k.label(x, value, t, env, what) {
			x.By = append(x.By, NamedExpr{Name: name, Expr: e})
		}
	}
	if n.kind == mapNode {
		for _, p := range k.entries(n, what+": by", "label") {
			add(p.key, p.value)
		}
		return
	}
	for _, v := range k.names(n, what+": by") {
		name := v.text[strings.LastIndexByte(v.text, '.')+1:]
		if !nameForm.MatchString(name) {
			k.refuse(v.spot, "%s is by %q, which has no name", what, cut(v.text)).fix("name it: by: {NAME: %s}", cut(v.text))
			continue
		}
		add(name, v)
	}
}

// label complains about a label whose values have no small bound: each would be a series of its own
// for ever. Short texts are let through, since many are codes; whoever keeps the series bounds them.
func (k *compiler) label(x *Metric, n *node, t Type, env *Env, what string) bool {
	tokens := scanExpr(n.text)
	path, f, length := pathAt(tokens, env)
	shown := t
	switch {
	case f == nil || length != len(tokens):
		if t.Kind == KindString || t.Kind == KindBool || t.Kind == KindInt || t.Kind == KindDate {
			return true // computed, as of an hour or a choice between words
		}
		path = cut(n.text)
	case f.Type.Kind == KindEnum || f.Type.Kind == KindBool:
		return true
	case f.Type.Kind == KindString && f.Type.Size <= longestLabel && !k.inKey(x, f):
		return true
	default:
		shown = f.Type
		shown.Null = false
	}
	k.refuse(n.spot, "%s is by %s, which is %s", what, path, shown).
		why("each value is a series of its own that is kept for ever").
		fix("name an enum, a bool or a string(%d) at most, or compute one of a few words: = row.x > 100 ? 'large' : 'small'", longestLabel)
	return false
}

const longestLabel = 40

// inKey tells whether a field is the partition or part of the key of what a metric counts.
func (k *compiler) inKey(x *Metric, f *Field) bool {
	entities := []*Entity{}
	if x.Read != nil {
		entities = append(entities, x.Read.Of)
	} else {
		for _, s := range x.Write.Steps {
			entities = append(entities, s.Entity)
		}
	}
	for _, e := range entities {
		if f == e.Fields[0] || f == e.Family.By || slices.Contains(e.Key, f) {
			return true
		}
	}
	return false
}

func (k *compiler) metricText(n *node, what string) bool {
	if n.bad() {
		return false
	}
	if n.kind != scalarNode {
		k.refuse(n.spot, "%s must be one expression, not %s", what, n.shape()).fix("write ENTITY.FIELD, or an expression")
		return false
	}
	return true
}
