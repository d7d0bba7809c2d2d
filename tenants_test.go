package partita_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/auth"
)

// tenants is a model with both kinds of rules: by a claim, and by a row that says who is a member.
const tenants = `
service: tenants
partitions:
  account: {by: account_id, type: string(20), expect: 1k}
entities:
  note: {in: account, key: n, expect: 100, fields: {n: {type: int, default: next}, text: string(100), at: {type: time, default: now}}}
  member: {in: account, key: user_id, expect: 10, fields: {user_id: string(20)}}
access:
  load: {me: {member: {user_id: = auth.sub}}}
  rules:
    owner: auth.account == account_id
    member: me != null
  allow: [owner]
reads:
  note:   {get: note, fresh: 1m, stale: 1h}
  notes:  {list: note, sort: [-n], page: 2, fresh: 1m, stale: 1h}
  oldest: {list: note, sort: [n], page: 2, fresh: 1m}
  shared: {list: note, sort: [-n], page: 2, fresh: 1m, stale: 1h, allow: [member]}
writes:
  add:    {insert: note, input: [text], async: offered}
  change: {update: note, input: [text]}
  remove: {delete: note}
  invite: {insert: member}
  leave:  {delete: member}
feeds:
  news:   {of: note}
  inside: {of: note, allow: [member]}
`

var tenantSecret = []byte("a secret of the tests, 32 bytes.")

// tenant is somebody who calls a service.
type tenant struct {
	t     *testing.T
	base  string
	token string
}

func bearer(t *testing.T, claims map[string]any) string {
	t.Helper()
	token, err := auth.Mint(tenantSecret, claims, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// said is what a caller gets.
type said struct {
	status int
	header http.Header
	body   string
}

func (c *tenant) ask(method, path, body string, headers ...string) said {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Close = true
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return said{res.StatusCode, res.Header, string(text)}
}

func (c *tenant) want(status int, method, path, body string, headers ...string) said {
	c.t.Helper()
	a := c.ask(method, path, body, headers...)
	if a.status != status {
		c.t.Errorf("%s %s %s %v: %d %s, want %d", method, path, body, headers, a.status, a.body, status)
	}
	return a
}

// twoTenants starts the service with what ada has: five notes, read and so in the cache.
func twoTenants(t *testing.T) (ada, bob, nobody *tenant) {
	t.Helper()
	c, _ := config(t, tenants)
	c.Auth = partita.Auth{Secret: tenantSecret}
	app := open(t, c)
	start(t, app)
	base := "http://" + app.Addr()
	ada = &tenant{t, base, bearer(t, map[string]any{"sub": "ada", "account": "ada"})}
	bob = &tenant{t, base, bearer(t, map[string]any{"sub": "bob", "account": "bob"})}
	nobody = &tenant{t, base, ""}
	for _, who := range []struct {
		*tenant
		name string
	}{{ada, "ada"}, {bob, "bob"}} {
		for i := range 5 {
			who.want(201, "POST", "/v1/add", fmt.Sprintf(`{"account_id":%q,"text":"%s's secret %d"}`, who.name, who.name, i))
		}
		who.want(201, "POST", "/v1/invite", fmt.Sprintf(`{"account_id":%q,"user_id":%q}`, who.name, who.name))
		for _, path := range []string{"/v1/note/%s/1", "/v1/notes/%s", "/v1/oldest/%s", "/v1/shared/%s"} {
			who.want(200, "GET", fmt.Sprintf(path, who.name), "")
		}
	}
	return ada, bob, nobody
}

// Whatever another tenant asks for, in whatever way it is written, it gets nothing, and learns nothing
// about what is there.
func TestAnotherTenantGetsNothing(t *testing.T) {
	_, bob, nobody := twoTenants(t)
	for _, r := range []struct{ method, path, body string }{
		{"GET", "/v1/note/ada/1", ""}, {"GET", "/v1/note/ada/999", ""}, {"HEAD", "/v1/note/ada/1", ""},
		{"GET", "/v1/note/ad%61/1", ""}, {"GET", "/v1/note/%61%64%61/%31", ""},
		{"GET", "/v1/notes/ada", ""}, {"GET", "/v1/oldest/ada", ""}, {"GET", "/v1/shared/ada", ""}, {"GET", "/v1/notes/nobody", ""},
		{"POST", "/v1/add", `{"account_id":"ada","text":"x"}`}, {"POST", "/v1/add", `{"account_id":"\u0061da","text":"x"}`},
		{"POST", "/v1/change", `{"account_id":"ada","n":1,"text":"x"}`}, {"POST", "/v1/change", `{"account_id":"ada","n":999,"text":"x"}`},
		{"POST", "/v1/remove", `{"account_id":"ada","n":1}`},
		{"POST", "/v1/invite", `{"account_id":"ada","user_id":"bob"}`}, {"POST", "/v1/leave", `{"account_id":"ada","user_id":"ada"}`},
		{"GET", "/v1/feeds/news/ada", ""}, {"GET", "/v1/feeds/inside/ada", ""}, {"GET", "/v1/feeds/news/ad%61?after=0", ""},
	} {
		a := bob.want(403, r.method, r.path, r.body)
		if strings.Contains(a.body, "secret") || a.header.Get("Etag") != "" || a.header.Get("Partita-Version") != "" {
			t.Errorf("%s %s tells %v %s", r.method, r.path, a.header, a.body)
		}
		nobody.want(401, r.method, r.path, r.body)
	}
	there, not := bob.ask("GET", "/v1/note/ada/1", ""), bob.ask("GET", "/v1/note/ada/999", "")
	if there.body != not.body {
		t.Errorf("what is there is told from what is not: %s and %s", there.body, not.body)
	}
	for name, headers := range map[string][]string{
		"a version of its own": {"Partita-Min-Version: " + bob.ask("GET", "/v1/note/bob/1", "").header.Get("Partita-Version")},
		"a tag":                {"If-None-Match: *"},
		"a stale answer":       {"Cache-Control: max-stale=1000, only-if-cached"},
		"another method":       {"X-Http-Method-Override: GET"},
		"another path":         {"X-Original-Url: /v1/note/bob/1", "X-Rewrite-Url: /v1/note/bob/1", "X-Forwarded-Host: bob"},
	} {
		if a := bob.want(403, "GET", "/v1/note/ada/1", "", headers...); strings.Contains(a.body, "secret") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	// Ways to name two partitions at once.
	bob.want(422, "POST", "/v1/add", `{"account_id":"bob","account_id":"ada","text":"x"}`)
	bob.want(422, "POST", "/v1/add", `{"account_id":"ada","account_id":"bob","text":"x"}`)
	bob.want(400, "POST", "/v1/add?account_id=bob", `{"account_id":"ada","text":"x"}`)
	bob.want(404, "GET", "/v1/note/bob/../ada/1", "")
	bob.want(404, "GET", "/v1/note/bob/1/ada", "")
	bob.want(422, "GET", "/v1/notes/bob?account_id=ada", "")
	bob.want(403, "GET", "/v1/notes/bob%2F..%2Fada", "")
}

// Tokens that somebody made up, or that say other than what rules ask for, are worth nothing.
func TestTokensOfOneself(t *testing.T) {
	ada, _, _ := twoTenants(t)
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	claims := map[string]any{"sub": "ada", "account": "ada", "exp": time.Now().Add(time.Hour).Unix()}
	signed := strings.Split(ada.token, ".")
	other, err := auth.Mint([]byte("another secret of the tests, 32 b"), claims, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token  string
		status int
	}{
		"unsigned":                       {part(map[string]any{"alg": "none", "typ": "JWT"}) + "." + part(claims) + ".", 401},
		"unsigned, in capitals":          {part(map[string]any{"alg": "NONE"}) + "." + part(claims) + "." + signed[2], 401},
		"with another's claims":          {signed[0] + "." + part(map[string]any{"sub": "x", "account": "ada", "exp": claims["exp"]}) + "." + signed[2], 401},
		"of another algorithm":           {part(map[string]any{"alg": "RS256"}) + "." + signed[1] + "." + signed[2], 401},
		"of another key":                 {other, 401},
		"cut off":                        {ada.token[:len(ada.token)-2], 401},
		"of both accounts":               {bearer(t, map[string]any{"sub": "bob", "account": []string{"bob", "ada"}}), 403},
		"of any account":                 {bearer(t, map[string]any{"sub": "bob", "account": nil}), 403},
		"of no account":                  {bearer(t, map[string]any{"sub": "bob"}), 403},
		"of an account in other letters": {bearer(t, map[string]any{"sub": "bob", "account": "ADA"}), 403},
		"of an account with a space":     {bearer(t, map[string]any{"sub": "bob", "account": "ada "}), 403},
	} {
		c := &tenant{t, ada.base, test.token}
		if a := c.want(test.status, "GET", "/v1/note/ada/1", ""); strings.Contains(a.body, "secret") {
			t.Errorf("a token %s is good for %s", name, a.body)
		}
	}
}

// Cursors, tags, keys and operations that a caller was given are of no use to others.
func TestWhatAnotherTenantWasGiven(t *testing.T) {
	ada, bob, nobody := twoTenants(t)
	var page struct{ Next string }
	if err := json.Unmarshal([]byte(ada.want(200, "GET", "/v1/notes/ada", "").body), &page); err != nil || page.Next == "" {
		t.Fatal(err, page)
	}
	ada.want(200, "GET", "/v1/notes/ada?after="+page.Next, "")
	bob.want(403, "GET", "/v1/notes/ada?after="+page.Next, "")
	bob.want(400, "GET", "/v1/notes/bob?after="+page.Next, "")  // of another partition
	ada.want(400, "GET", "/v1/oldest/ada?after="+page.Next, "") // of another read
	ada.want(400, "GET", "/v1/notes/ada?after="+page.Next[:len(page.Next)-1]+"A", "")

	// The key of a write that was done is known where it was used, to whom it belongs.
	key := "Idempotency-Key: one-of-adas-keys"
	write := `{"account_id":"ada","text":"ada's secret with a key"}`
	ada.want(201, "POST", "/v1/add", write, key)
	if a := ada.want(201, "POST", "/v1/add", write, key); a.header.Get("Idempotency-Replayed") != "true" {
		t.Error("not replayed:", a.header)
	}
	if a := bob.want(403, "POST", "/v1/add", write, key); strings.Contains(a.body, "secret") {
		t.Error(a.body)
	}
	if a := bob.want(201, "POST", "/v1/add", `{"account_id":"bob","text":"of bob"}`, key); a.header.Get("Idempotency-Replayed") != "" || strings.Contains(a.body, "ada") {
		t.Error("another's key is known:", a.header, a.body)
	}

	// An operation is there for who submitted it.
	a := ada.want(202, "POST", "/v1/add", `{"account_id":"ada","text":"ada's secret for later"}`, "Prefer: respond-async")
	operation := a.header.Get("Location")
	if a = ada.want(200, "GET", operation+"?wait=10s", ""); !strings.Contains(a.body, "for later") {
		t.Error(a.body)
	}
	id := operation[strings.LastIndexByte(operation, '/')+1:]
	for _, who := range []*tenant{bob, nobody} {
		if a := who.want(404, "GET", operation, ""); strings.Contains(a.body, "secret") || strings.Contains(a.body, "ada") {
			t.Error(a.body)
		}
		who.want(404, "GET", operation[:len(operation)-1]+"A", "")
	}
	if a := bob.ask("POST", "/v1/add", `{"account_id":"ada","text":"x"}`, "Partita-After: "+id); a.status < 400 || strings.Contains(a.body, "secret") {
		t.Error(a.status, a.body)
	}

	// In a batch each write is looked at by itself.
	batch := `{"writes":[{"write":"add","input":{"account_id":"bob","text":"mine"}},{"write":"change","input":{"account_id":"ada","n":1,"text":"x"}},` +
		`{"write":"add","input":{"account_id":"ada","text":"x"},"idempotency_key":"one-of-adas-keys"},{"write":"add","input":` + write + `,"idempotency_key":"one-of-adas-keys"}]}`
	var done struct{ Results []struct{ Status int } }
	if err := json.Unmarshal([]byte(bob.want(200, "POST", "/v1/batch", batch).body), &done); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{201, 403, 403, 403} {
		if len(done.Results) != 4 || done.Results[i].Status != want {
			t.Errorf("of a batch: %+v", done.Results)
		}
	}
	if err := json.Unmarshal([]byte(nobody.want(200, "POST", "/v1/batch", batch).body), &done); err != nil || done.Results[0].Status != 401 || done.Results[3].Status != 401 {
		t.Errorf("%+v, %v", done.Results, err)
	}
	if a := ada.want(200, "GET", "/v1/note/ada/1", ""); !strings.Contains(a.body, "ada's secret 0") {
		t.Error(a.body)
	}
}

// Who is a member no more gets nothing more, from the cache neither, and its feed ends.
func TestWhoIsAMemberNoMore(t *testing.T) {
	ada, bob, _ := twoTenants(t)
	ada.want(201, "POST", "/v1/invite", `{"account_id":"ada","user_id":"bob"}`)
	bob.want(200, "GET", "/v1/shared/ada", "")
	if a := bob.want(200, "GET", "/v1/shared/ada", ""); !strings.Contains(a.header.Get("Cache-Status"), "hit") {
		t.Error("not from the cache:", a.header.Get("Cache-Status"))
	}
	bob.want(200, "GET", "/v1/feeds/inside/ada?after=0", "")
	bob.want(403, "GET", "/v1/feeds/news/ada", "")
	req, err := http.NewRequestWithContext(t.Context(), "GET", bob.base+"/v1/feeds/inside/ada", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bob.token)
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ada.want(204, "POST", "/v1/leave", `{"account_id":"ada","user_id":"bob"}`)
	bob.want(403, "GET", "/v1/shared/ada", "")
	bob.want(403, "GET", "/v1/feeds/inside/ada?after=0", "")
	ada.want(201, "POST", "/v1/add", `{"account_id":"ada","text":"ada's secret afterwards"}`)
	var seen strings.Builder
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		seen.WriteString(lines.Text() + "\n")
	}
	if strings.Contains(seen.String(), "afterwards") || !strings.Contains(seen.String(), "forbidden") {
		t.Errorf("the feed of who is no member: %s", seen.String())
	}
}
