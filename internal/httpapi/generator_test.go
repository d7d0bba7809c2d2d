package httpapi_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
)

// generator makes requests that are more or less wrong.
type generator struct {
	*rand.Rand
	tokens []string
	values []string // for paths, queries and members
}

func newGenerator(seed uint64, me, other, staff, paid, placed string) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	g.tokens = []string{me, me, me, me, staff, staff, staff, other, me + "x", "Authorization: Basic eDp5", "Authorization: Bearer", "Authorization: Bearer ..", "X: y"}
	g.values = []string{ann, ann, ann, bob, paid, placed, strings.ToUpper(ann), "", "0", "-1", "1", "1e400", "9223372036854775807", "9223372036854775808",
		"true", "null", "paid", "placed", "tea", "a%2Fb", "%00", "%ff", "..", "%2e%2e", "\u00fc", "%F0%9F%98%80", "2026-01-31T12:00:00Z", "0000-00-00T00:00:00Z",
		"9999-12-31T23:59:59.999999Z", "2026-01-31", "ann@example.com", strings.Repeat("long", 300), "'", "\"", "\\", "{}", "[]", "a,b", "AAAAAAAAAAAAAAAAAAAAAAAA", "*"}
	return g
}

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

// request gives one request, and its text.
func (g *generator) request() (*http.Request, string) {
	for {
		text := g.text()
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			continue // net/http itself refuses it
		}
		return r, text
	}
}

func (g *generator) text() string {
	var b strings.Builder
	body := ""
	switch {
	case g.IntN(2) == 0:
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", g.pick("GET", "GET", "GET", "GET", "GET", "HEAD", "POST", "DELETE", "OPTIONS", "BREW"), g.readTarget())
	default:
		name := g.pick("put_customer", "add_credit", "place_order", "pay_order", "ship_order", "cancel_order", "forget_order", "batch", "nothing", "operations")
		body = g.bodyFor(name)
		fmt.Fprintf(&b, "%s /v1/%s HTTP/1.1\r\n", g.pick("POST", "POST", "POST", "POST", "POST", "POST", "GET", "PUT"), name)
		fmt.Fprintf(&b, "Content-Type: %s\r\n", g.pick("application/json", "application/json", "application/json", "application/json",
			"application/json; charset=utf-8", "application/json; charset=", "text/plain", ";", "application/json, text/plain"))
	}
	b.WriteString("Host: x\r\n" + g.pick(g.tokens...) + "\r\n")
	for range g.IntN(3) {
		b.WriteString(g.pick("If-Match", "If-None-Match", "Idempotency-Key", "Partita-Min-Version", "Accept", "Prefer", "Traceparent", "Content-Encoding") + ": ")
		b.WriteString(g.pick(`"a"`, `""`, "*", `W/"a"`, "a", "\"", "customer/"+ann+"/x/1", "////", "customer/%zz/a/1", "application/json", "*/*;q=0", "q=;;", "respond-async", "gzip",
			"identity", "\xff", strings.Repeat("z", 300), ",,,", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func (g *generator) readTarget() string {
	b := "/v1/" + g.pick("customer", "order", "lines", "orders", "open_orders", "order_by_number", "sales_of_day", "place_order", "", "%6frder", "feeds", "..")
	for range 1 + g.IntN(3) {
		b += "/" + g.pick(g.values[:9]...)
		if g.IntN(6) == 0 {
			b += g.pick(g.values...)
		}
	}
	for i := range g.IntN(4) {
		b += []string{"?", "&", "&"}[min(i, 2)]
		b += g.pick("status", "order_id", "placed_at.from", "placed_at.to", "after", "before", "colour", "", "st%61tus", "%", "status[]") + "=" + g.pick(g.values...)
	}
	return strings.ReplaceAll(b, " ", "+")
}

// bodyFor makes a body of a write: mostly well-formed, then perhaps damaged.
func (g *generator) bodyFor(name string) string {
	var body string
	if name == "batch" {
		items := []string{}
		for range g.IntN(4) {
			write := g.pick("put_customer", "place_order", "pay_order", "nothing", "batch")
			items = append(items, `{"write":"`+write+`","input":`+g.bodyFor(write)+g.pick("", "", `,"idempotency_key":"k"`, `,"if_match":"*"`, `,"colour":1`)+`}`)
		}
		body = `{"writes":[` + strings.Join(items, ",") + `]}`
	} else {
		body = g.members(map[string][]string{
			"put_customer": {"name", "email"}, "add_credit": {"amount"}, "place_order": {"total", "note", "lines"},
		}[name], name != "put_customer" && name != "add_credit" && name != "place_order")
	}
	for g.IntN(6) == 0 && body != "" { // damage it
		i := g.IntN(len(body))
		switch g.IntN(4) {
		case 0:
			body = body[:i] + body[i+1:]
		case 1:
			body = body[:i] + g.pick("{", "}", "[", "]", ",", ":", "\"", "\\", "\x00", "\xff", "0", "\\u0000", "null", " ") + body[i:]
		case 2:
			body = body[:i]
		case 3:
			body += body[i:]
		}
	}
	return body
}

func (g *generator) members(names []string, key bool) string {
	list := []string{`"customer_id":"` + g.pick(ann, ann, ann, ann, bob, "x") + `"`}
	if key {
		list = append(list, `"order_id":"`+g.pick(g.values[4:6]...)+`"`)
	}
	for _, name := range names {
		list = append(list, `"`+name+`":`+g.value(name))
	}
	if g.IntN(8) == 0 {
		list = append(list, `"`+g.pick("colour", "status", "total", "", "\\u0000")+`":`+g.value(""))
	}
	g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return "{" + strings.Join(list, ",") + "}"
}

func (g *generator) value(name string) string {
	if g.IntN(4) > 0 {
		switch name {
		case "name", "note":
			return `"Ann"`
		case "email":
			return `"ann@example.com"`
		case "amount", "total":
			return fmt.Sprint(g.IntN(100))
		case "lines":
			return `[{"sku":"` + g.pick("tea", "tea", "mug", "") + `","quantity":` + g.pick("1", "1", "0", "1.0", "1e0") + `,"price":1}` + g.pick("", "", `,{}`, `,1`) + `]`
		}
	}
	return g.pick("0", "-0", "1.5", "1e400", "-9223372036854775809", "1e1000000000", "null", "true", `""`, `"x"`, `"\ud800"`, `"\u0000"`, "{}", "[]", "[[]]",
		strings.Repeat("[", 200)+strings.Repeat("]", 200), `"`+strings.Repeat("y", 3000)+`"`)
}
