package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/apptest"
	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/relay"
)

const hooked = `
service: hooked
partitions: {person: {by: person_id, type: string(20), expect: 1k}}
entities: {note: {in: person, key: note_id, expect: 10, fields: {note_id: {type: int, default: next}, text: string(100)}}}
reads: {note: {get: note}}
writes: {add: {insert: note, input: [text], emit: added}}
events: {added: {data: [note.note_id, note.text], deliver: "http://127.0.0.1:9/hook-with-a-secret"}}
`

// adminToken is that of services whose data is shown or deleted by commands.
const adminToken = "of-the-admin-address-in-tests"

// What cannot be delivered is listed, shown, replayed and dropped from the command line.
func TestDeadLettersFromTheCommandLine(t *testing.T) {
	app := apptest.Start(t, partita.Config{ModelSource: []byte(hooked), AdminToken: adminToken})
	t.Setenv("PARTITA_ADMIN_TOKEN", adminToken)
	admin := "--admin=" + app.AdminAddr()
	if out := must(t, "dead", admin); !strings.Contains(out, "no dead letters") {
		t.Error(out)
	}
	for _, person := range []string{"ann", "bob"} {
		resp, err := http.Post("http://"+app.Addr()+"/v1/add", "application/json", strings.NewReader(`{"person_id":"`+person+`","text":"hello"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	letters := func() (list []relay.Letter) {
		if err := json.Unmarshal([]byte(must(t, "dead", "--json", admin)), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	wait := func(n int) (list []relay.Letter) {
		for deadline := time.Now().Add(time.Minute); len(list) != n; list = letters() {
			if time.Now().After(deadline) {
				t.Fatalf("%d letters, want %d", len(list), n)
			}
			time.Sleep(5 * time.Millisecond)
		}
		return list
	}
	list := wait(2)
	// The address is private, and it says how to allow it; the path stays out of it.
	out := must(t, "dead", admin)
	if !strings.Contains(out, "127.0.0.1:9") || strings.Contains(out, "secret") || !strings.Contains(out, "ann") {
		t.Error(out)
	}
	if out := must(t, "dead", list[0].ID, admin); !strings.Contains(out, "--webhook-allow 127.0.0.1/32") || !strings.Contains(out, `"text":"hello"`) {
		t.Error(out)
	}
	before := list[0].GivenUp
	if out := must(t, "replay", "--all", admin); out != "2 on their way again\n" {
		t.Error(out)
	}
	if list = wait(2); !list[0].GivenUp.After(before) {
		t.Error("it was not tried again")
	}
	var done dashboard.LettersDone
	if err := json.Unmarshal([]byte(must(t, "dead", "--drop", list[0].ID, "--json", admin)), &done); err != nil || done.Done != 1 {
		t.Error(done, err)
	}
	if code, _, err := command(t, "dead", list[0].ID, admin); code != failed || !strings.Contains(err, "no dead letter") {
		t.Error(code, err)
	}
	wait(1)
	for _, args := range [][]string{{"replay"}, {"replay", "x", "--all"}, {"dead", "x", "--drop", "y"}} {
		if code, _, err := command(t, append(args, admin)...); code != badCall || err == "" {
			t.Error(args, code, err)
		}
	}
	// Another site's page cannot give orders.
	req, err := http.NewRequest(http.MethodPost, "http://"+app.AdminAddr()+"/dead/drop", strings.NewReader(`{"all":true}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || len(letters()) != 1 {
		t.Error(resp.Status)
	}
}

// A service that was started without an admin token erases for who can read its own, and the command says so.
func TestEraseNeedsTheAdminToken(t *testing.T) {
	folder := t.TempDir()
	app := apptest.Start(t, partita.Config{ModelSource: []byte(hooked), DataDir: folder, Listen: partita.None})
	for token, want := range map[string]string{"": "admin.token in its data folder", adminToken: "is not the one"} {
		t.Setenv("PARTITA_ADMIN_TOKEN", token)
		if code, _, err := command(t, "erase", "person/ann", "--yes", "--admin="+app.AdminAddr()); code != failed || !strings.Contains(err, want) {
			t.Errorf("%d %s", code, err)
		}
	}
	t.Setenv("PARTITA_ADMIN_TOKEN", "")
	if code, _, err := command(t, "erase", "person/ann", "--yes", "--admin="+app.AdminAddr(), "--data", folder); strings.Contains(err, "token") {
		t.Errorf("%d %s", code, err)
	}
	t.Setenv("PARTITA_DATA", folder)
	if code, _, err := command(t, "erase", "person/ann", "--yes", "--admin="+app.AdminAddr()); strings.Contains(err, "token") {
		t.Errorf("%d %s", code, err)
	}
}
