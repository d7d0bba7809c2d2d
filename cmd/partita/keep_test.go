package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/partita-dev/partita/internal/keep"
)

// bothStores runs a test on each kind of store.
func bothStores(t *testing.T, test func(t *testing.T, k *kept, nodes int)) {
	t.Run("sqlite", func(t *testing.T) { test(t, keepService(t, false), 1) })
	t.Run("postgres", func(t *testing.T) { test(t, keepService(t, true), 2) })
}

// A backup is taken under load, the service goes on, everything is lost, and the backup is restored.
func TestWhatWasLostAfterABackup(t *testing.T) {
	bothStores(t, func(t *testing.T, k *kept, nodes int) {
		k.start(nodes)
		const accounts, least = 4, 15
		account := func(i int) string { return fmt.Sprintf("a%d", i) }
		var acked [accounts]atomic.Int64 // all up to it were acknowledged
		var writers sync.WaitGroup
		stop := make(chan struct{})
		for i := range accounts {
			writers.Go(func() {
				for n := 1; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					if a := k.add(n%nodes, account(i), n, "note", n%3 == 0); a.status/100 != 2 {
						t.Errorf("a write is answered %d: %s", a.status, a.body)
						return
					}
					acked[i].Store(int64(n))
				}
			})
		}
		// reach waits until each account has had so many more writes.
		reach := func(more int64) (at [accounts]int64) {
			for i := range accounts {
				at[i] = acked[i].Load()
			}
			k.until("writes go on", func() bool {
				for i := range accounts {
					if acked[i].Load() < at[i]+more {
						return t.Failed()
					}
				}
				return true
			})
			for i := range accounts {
				at[i] = acked[i].Load()
			}
			return at
		}
		before := reach(least)
		file := filepath.Join(k.dir, "backup")
		args := append([]string{"backup", k.file, "--out", file, "--admin", k.nodes[0].admin}, k.place("--data", "--store", "--bus")...)
		must(t, args...)
		after := reach(1)
		if code, _, err := command(t, args...); code == fine || !strings.Contains(err, "never overwritten") {
			t.Errorf("the backup was overwritten: %d %s", code, err)
		}
		reach(least)
		close(stop)
		writers.Wait()
		for i := range accounts {
			k.until("accepted writes are carried out", func() bool { return len(k.numbers(0, "entries", account(i))) == int(acked[i].Load()) })
		}

		if acked[0].Load()%3 == 0 { // an accepted write comes back from a bus that is not lost
			n := acked[0].Add(1)
			if a := k.add(0, "a0", int(n), "note", false); a.status/100 != 2 {
				t.Fatal(a.status, a.body)
			}
		}

		// What callers hold of the future that is about to be lost.
		last := fmt.Sprint(acked[0].Load())
		row := k.get(0, "/v1/entry/a0/"+last, http.StatusOK)
		for node := range nodes {
			k.get(node, "/v1/entries/a0", http.StatusOK) // into every cache
			k.get(node, "/v1/entry/a0/"+last, http.StatusOK)
		}
		var page struct{ Next string }
		if err := json.Unmarshal([]byte(k.get(0, "/v1/some/a0", http.StatusOK).body), &page); err != nil || page.Next == "" {
			t.Fatal(page, err)
		}
		token, tag := row.header.Get("Partita-Version"), row.header.Get("ETag")
		incarnation := strings.Split(token, "/")[2]

		k.lose()
		k.move()
		restore := append([]string{"restore", file}, k.place("--data", "--store", "--bus")...)
		must(t, restore...)
		if code, _, err := command(t, restore...); code == fine || !strings.Contains(err, "give a") {
			t.Errorf("a backup was restored over a store: %d %s", code, err)
		}
		k.start(nodes)

		for i := range accounts {
			k.until("all that was acknowledged before the backup is there", func() bool {
				have := k.numbers(0, "twins", account(i)) // in order; one that was accepted may come behind later ones
				return len(have) >= int(before[i]) && have[before[i]-1] == int(before[i])
			})
			var twins, entries []int
			k.until("each version is a write, of both rows", func() bool { // accepted writes may still be under way
				twins, entries = k.numbers(nodes-1, "twins", account(i)), k.numbers(nodes-1, "entries", account(i))
				return slices.Equal(twins, entries) && k.versions(0, account(i)) == len(twins)
			})
			for _, n := range twins {
				// What waits on a bus that was not lost is carried out, as it was promised.
				if n > int(after[i])+1 && (k.pg == nil || n%3 != 0) {
					t.Errorf("%s: %d is there, which was written after the backup", account(i), n)
				}
			}
		}
		k.until("the view is what its source says", func() bool {
			return k.call(0, http.MethodGet, "/v1/noted/note", "").status == http.StatusOK
		})

		// The same versions are given again, for other content.
		for n := k.versions(0, "a0") + 1; n <= int(acked[0].Load()); n++ {
			if a := k.add(0, "a0", n+1000, "again", false); a.status/100 != 2 {
				t.Fatal(a.status, a.body)
			}
		}
		for node := range nodes {
			if a := k.call(node, http.MethodGet, "/v1/entry/a0/"+last, ""); a.status != http.StatusNotFound {
				t.Errorf("a row of the lost future is answered %d by node %d: %s", a.status, node, a.body)
			}
		}
		fresh := k.get(0, "/v1/entry/a0/1", http.StatusOK)
		if now := strings.Split(fresh.header.Get("Partita-Version"), "/")[2]; now == incarnation {
			t.Errorf("the incarnation is %s as before", now)
		}
		if a := k.call(0, http.MethodGet, "/v1/entry/a0/1", "", "Partita-Min-Version", token); a.status/100 == 2 {
			t.Errorf("a version token of the lost future is taken: %d", a.status)
		}
		if a := k.call(0, http.MethodGet, "/v1/some/a0?after="+page.Next, ""); a.status/100 == 2 {
			t.Errorf("a cursor of the lost future is taken: %d", a.status)
		}
		if a := k.call(0, http.MethodGet, "/v1/feeds/entries/a0", "", "Accept", "text/event-stream", "Last-Event-ID", incarnation+".3"); a.status != http.StatusGone {
			t.Errorf("a feed's place in the lost future is answered %d", a.status)
		}
		// The tag of a row at the version that a new row has now.
		k.get(0, "/v1/entry/a0/1", http.StatusOK, "If-None-Match", tag)
		old := strings.Replace(fresh.header.Get("ETag"), strings.Split(strings.Trim(fresh.header.Get("ETag"), `"`), ".")[0], incarnation, 1)
		k.get(0, "/v1/entry/a0/1", http.StatusOK, "If-None-Match", old)
		if a := k.call(0, http.MethodPost, "/v1/change", `{"account_id":"a0","n":1,"note":"x"}`, "If-Match", old); a.status != http.StatusPreconditionFailed {
			t.Errorf("a write that is bound to a state of the lost future is answered %d: %s", a.status, a.body)
		}
	})
}

// A backup that is damaged anywhere, or not whole, is refused before anything is made of it.
func TestDamagedBackupsAreRefused(t *testing.T) {
	k := keepService(t, false)
	k.start(1)
	for n := range 50 {
		k.add(0, "a", n, "note", false)
	}
	file := filepath.Join(k.dir, "backup")
	must(t, append([]string{"backup", k.file, "--out", file, "--admin", k.nodes[0].admin}, k.place("--data")...)...)
	k.lose()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(k.dir, "bad")
	refused := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(bad, content, 0o600); err != nil {
			t.Fatal(err)
		}
		data := filepath.Join(k.dir, "bad-data")
		if code, _, err := command(t, "restore", bad, "--data", data); code == fine || !strings.Contains(err, "damaged") {
			t.Fatalf("a damaged backup is restored: %d %s", code, err)
		}
		if _, err := os.Stat(filepath.Join(data, "store.db")); err == nil {
			t.Fatal("a store was made of it")
		}
	}
	zip, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zip.Close()
	plain, err := zip.DecodeAll(whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	// broken turns over the first bit from a place on that makes a difference: some only say in another way
	// where the same bytes stood before.
	broken := func(at int) []byte {
		for ; ; at++ {
			b := slices.Clone(whole)
			b[at] ^= 0x40
			if other, err := zip.DecodeAll(b, nil); err != nil || !slices.Equal(other, plain) {
				return b
			}
		}
	}
	refused([]byte("no backup at all"))
	for i := range 20 {
		refused(whole[:len(whole)*i/20])
		if i > 0 { // the first bytes say what it is
			refused(broken(len(whole) * i / 20))
		}
	}
}

// A store that was put back by copying its folder gets a new incarnation.
func TestRestoreInPlace(t *testing.T) {
	k := keepService(t, false)
	k.start(1)
	incarnation := func() string {
		k.add(0, "a", 1, "note", false)
		return strings.Split(k.get(0, "/v1/twins/a", http.StatusOK).header.Get("Partita-Version"), "/")[2]
	}
	before := incarnation()
	args := append([]string{"restore", "--in-place", "--model", k.file}, k.place("--data")...)
	if code, _, err := command(t, args...); code == fine || !strings.Contains(err, "stop that one first") {
		t.Errorf("a running service was given another past: %d %s", code, err)
	}
	k.lose()
	must(t, args...)
	k.start(1)
	if now := incarnation(); now == before {
		t.Errorf("the incarnation is %s as before", now)
	}
	if code, _, err := command(t, "restore", "--in-place"); code != badCall || !strings.Contains(err, "--model") {
		t.Error(code, err)
	}
}

// An erased partition is nowhere any more, and its neighbours are as they were.
func TestErase(t *testing.T) {
	bothStores(t, func(t *testing.T, k *kept, nodes int) {
		k.env = append(k.env, "HOOK=http://127.0.0.1:1/") // nobody is there: deliveries wait
		k.start(nodes)
		const secret = "Rumpelstilzchen"
		for n := range 300 {
			k.add(n%nodes, "gone", n, secret, n%4 == 0)
		}
		for n := range 10 {
			k.add(0, "stays", n, "note", false)
			k.add(0, "stays", n+100, secret, false)
		}
		k.until("accepted writes are carried out", func() bool { return len(k.numbers(0, "twins", "gone")) == 300 })
		k.until("the view has all", func() bool {
			return strings.Count(k.call(0, http.MethodGet, "/v1/noted/"+secret, "").body, `"n"`) >= 100
		})
		for node := range nodes {
			k.get(node, "/v1/entries/gone", http.StatusOK) // into every cache
		}
		version := k.versions(0, "gone")
		args := []string{"erase", "account/gone", "--admin", k.nodes[0].admin}
		if code, _, err := command(t, args...); code != badCall || !strings.Contains(err, "nothing was erased") {
			t.Fatalf("it was not asked for confirmation: %d %s", code, err)
		}
		// Of what never was there is no certificate.
		if code, out, err := command(t, "erase", "account/gome", "--yes", "--admin", k.nodes[0].admin); code != failed || !strings.Contains(err, "nothing was ever written to it") {
			t.Fatalf("a partition that never was: %d %s %s", code, out, err)
		}
		// One that is broken off is given again, and goes on.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+k.nodes[0].admin+"/erase", strings.NewReader(`{"partition":"account/gone"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+adminToken)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		var c keep.Certificate
		k.until("it is erased", func() bool {
			code, out, said := command(t, append(args, "--yes", "--json")...)
			if code != fine && !strings.Contains(said, "erasing a partition already") {
				t.Fatal(code, said)
			}
			return code == fine && json.Unmarshal([]byte(out), &c) == nil
		})
		if c.Erased.Views["by_note"] != 1 || c.Erased.Rows["entry"] > 300 ||
			len(c.Partition) != 64 || c.Version <= uint64(version) || len(c.OutOfReach) == 0 {
			t.Errorf("the certificate says %+v", c)
		}
		for node := range nodes {
			k.until("every node shows that it is gone", func() bool { return len(k.numbers(node, "entries", "gone")) == 0 })
			if n := len(k.numbers(node, "twins", "gone")); n != 0 {
				t.Errorf("%d rows are still there", n)
			}
			if a := k.call(node, http.MethodGet, "/v1/feeds/entries/gone?after=0", ""); a.status != http.StatusGone {
				t.Errorf("its history is answered %d: %s", a.status, a.body)
			}
		}
		k.until("the view shows what is left", func() bool {
			a := k.call(0, http.MethodGet, "/v1/noted/"+secret, "")
			return a.status == http.StatusOK && strings.Count(a.body, `"stays"`) == 10 && !strings.Contains(a.body, `"gone"`)
		})
		if n := len(k.numbers(0, "entries", "stays")); n != 20 {
			t.Errorf("the neighbour has %d rows", n)
		}
		if k.versions(0, "stays") != 20 {
			t.Error("the neighbour's history is cut")
		}

		// Reborn, it goes on with its versions.
		if a := k.add(0, "gone", 1, "reborn", false); a.status/100 != 2 || !strings.HasSuffix(a.header.Get("Partita-Version"), fmt.Sprintf("/%d", c.Version+1)) {
			t.Errorf("the first write into it is answered %d at %s, want version %d", a.status, a.header.Get("Partita-Version"), c.Version+1)
		}
		must(t, append(args, "--yes")...)
		if n := len(k.numbers(0, "entries", "gone")); n != 0 {
			t.Errorf("%d rows are still there", n)
		}
		for _, bad := range []string{"gone", "by_note/x", "nothing/x"} {
			if code, _, err := command(t, "erase", bad, "--yes", "--admin", k.nodes[0].admin); code == fine || !strings.Contains(err, "FAMILY/VALUE") && !strings.Contains(err, "view") {
				t.Errorf("erase %s: %d %s", bad, code, err)
			}
		}
	})
}

// A backup that cannot be written says to which folder, not that it is there already.
func TestBackupIntoAFolderThatIsNone(t *testing.T) {
	shop, dir := "../../examples/shop/shop.yaml", t.TempDir()
	rows := filepath.Join(dir, "customer.ndjson")
	if err := os.WriteFile(rows, []byte(`{"customer_id":"8f14e45f-ceea-467f-9f1c-6f1f6a4d1a01","name":"Ada","email":"ada@example.com"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "customer", rows, "--model", shop, "--data", dir)
	for _, folder := range []string{filepath.Join(dir, "none"), rows} { // one is not there, one is a file
		code, _, said := command(t, "backup", shop, "--data", dir, "--out", filepath.Join(folder, "b"))
		if code == fine || !strings.Contains(said, "cannot be written to "+folder+": ") || strings.Contains(said, ".part") {
			t.Errorf("exit code %d, %s", code, said)
		}
	}
}
