package advise

import "testing"

const written = `service: shop
reads:
  one:  {get: order, fresh: 30s, stale: "10m"}   # a comment
  two:  {list: order, filter: [status, kind], sort: -placed_at}
  bare: {get: order}
  long: {get: order,
         fresh: 1m}
  block:
    get: order
    fresh: 5s
    filter: [a]
  plain:
    get: order   # nothing else
  wide: {get: order,
    stale: 1h}
writes:
  put: {upsert: order, when: "a, b: {c"}
`

func TestChanges(t *testing.T) {
	f := newFile("shop.yaml", []byte(written))
	for _, x := range []struct {
		name string
		got  *Change
		line int
		want string
	}{
		{"a value", f.set("reads", "one", "fresh", "10m"), 3, `one:  {get: order, fresh: 10m, stale: "10m"}   # a comment`},
		{"a quoted value", f.set("reads", "one", "stale", "1h"), 3, `one:  {get: order, fresh: 30s, stale: 1h}   # a comment`},
		{"a list", f.set("reads", "two", "filter", "[kind]"), 4, `two:  {list: order, filter: [kind], sort: -placed_at}`},
		{"no list any more", f.cut("two", "filter"), 4, `two:  {list: order, sort: -placed_at}`},
		{"the last member", f.cut("one", "stale"), 3, `one:  {get: order, fresh: 30s}   # a comment`},
		{"one that was not there", f.set("reads", "bare", "fresh", "1m"), 5, `bare: {get: order, fresh: 1m}`},
		{"in another line", f.set("reads", "long", "fresh", "5m"), 7, `fresh: 5m}`},
		{"in a block", f.set("reads", "block", "fresh", "1h"), 10, `fresh: 1h`},
		{"out of a block", f.cut("block", "filter"), 11, ``},
		{"added to a block", f.set("reads", "plain", "fresh", "1m"), 12, "plain:\n  fresh: 1m"},
		{"added to what goes on below", f.set("reads", "wide", "fresh", "1m"), 14, `wide: {fresh: 1m, get: order,`},
		{"beside what is quoted", f.set("writes", "put", "async", "offered"), 17, `put: {upsert: order, when: "a, b: {c", async: offered}`},
		{"a whole read", f.drop("reads", "two"), 4, ``},
		{"as it is", f.show("service"), 1, `service: shop`},
		{"another read", f.member("reads", "x: {get: order}"), 2, "reads:\n  x: {get: order}"},
		{"another section", f.member("limits", "x: {of: [put]}"), 18, "limits:\n  x: {of: [put]}"},
	} {
		if x.got == nil || x.got.Line != x.line || x.got.New != x.want {
			t.Errorf("%s: %+v, want %q in line %d", x.name, x.got, x.want, x.line)
		}
	}
	if c := f.set("reads", "none", "fresh", "1m"); c != nil {
		t.Errorf("%+v", c)
	}
}
