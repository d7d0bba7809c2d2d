package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/transfer"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqlite"
)

// everything has a field of each type.
const everything = `
service: everything
partitions:
  owner: {by: owner, type: string(20), expect: 100}
entities:
  thing:
    in: owner
    key: [id, day]
    expect: 100
    fields:
      id: uuid
      day: date
      word: string(50)?
      prose: text(1000)?
      count: int?
      ratio: float?
      yes: bool?
      at: time?
      raw: bytes(100)?
      doc: json(1000)?
      price: decimal(12,3)?
      mail: email?
      home: url?
      kind: {enum: [small, large], default: small}
  entry: {in: owner, key: n, expect: 100, fields: {n: {type: int, default: next}, text: string(20)}}
  token: {in: owner, key: token_id, expect: 100, unique: [[code]], fields: {token_id: {type: uuid, default: new}, code: string(20)}}
reads:
  entries: {list: entry}
`

func parse(t *testing.T) *model.Model {
	t.Helper()
	m, err := model.Parse("test.yaml", []byte(everything), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func openStore(t *testing.T, m *model.Model) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: t.TempDir(), Model: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// load imports text and gives what came of it, with a line for each refused row.
func load(t *testing.T, m *model.Model, s store.Store, entity string, format transfer.Format, text string) (transfer.Summary, string) {
	t.Helper()
	var refused strings.Builder
	sum, err := transfer.Import(t.Context(), transfer.ImportOptions{
		Model: m, Store: s, Entity: m.Entity(entity), Format: format, Source: strings.NewReader(text),
		Refused: func(line int, why string) error {
			_, err := fmt.Fprintf(&refused, "%d: %s\n", line, why)
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum, refused.String()
}

func dump(t *testing.T, m *model.Model, s store.Store, entity string, format transfer.Format) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := transfer.Export(t.Context(), s, m.Entity(entity), format, &out, nil); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const allTypes = `{"owner":"a","id":"00000000-0000-4000-8000-000000000001","day":"2026-02-28","word":"","prose":"two\nlines, \"quoted\"","count":-9007199254740993,"ratio":0.1,"yes":true,"at":"2026-02-28T12:34:56.789012Z","raw":"AAH/","doc":{"a":[1,2.50,null]},"price":"123456789.125","mail":"a@example.com","home":"https://example.com/x?y=1","kind":"large"}
{"owner":"a","id":"00000000-0000-4000-8000-000000000002","day":"1969-12-31","word":null,"prose":null,"count":null,"ratio":null,"yes":null,"at":null,"raw":null,"doc":null,"price":null,"mail":null,"home":null,"kind":"small"}
{"owner":"ünï, \"x\"","id":"00000000-0000-4000-8000-000000000003","day":"2026-02-28","word":" spaced ","prose":"\r\n","count":0,"ratio":1e+300,"yes":false,"at":"1960-01-01T00:00:00Z","raw":"","doc":"text","price":"-0.001","mail":"b@example.com","home":"http://example.com/","kind":"small"}
`

// What export writes, import reads back to the same rows, in both formats and across them.
func TestExportAndImportAreInverse(t *testing.T) {
	m := parse(t)
	first := openStore(t, m)
	if sum, refused := load(t, m, first, "thing", transfer.NDJSON, allTypes); sum.Inserted != 3 {
		t.Fatal(sum, refused)
	}
	want := dump(t, m, first, "thing", transfer.NDJSON)
	if want != allTypes {
		t.Errorf("exported:\n%s\nimported:\n%s", want, allTypes)
	}
	for _, format := range []transfer.Format{transfer.NDJSON, transfer.CSV} {
		text := dump(t, m, first, "thing", format)
		second := openStore(t, m)
		if sum, refused := load(t, m, second, "thing", format, text); sum.Inserted != 3 {
			t.Fatalf("%s: %+v\n%s\n%s", format, sum, refused, text)
		}
		if got := dump(t, m, second, "thing", transfer.NDJSON); got != want {
			t.Errorf("%s:\n%s\ngives:\n%s\nwant:\n%s", format, text, got, want)
		}
		if got := dump(t, m, second, "thing", format); got != text {
			t.Errorf("%s: exported again:\n%s\nfirst:\n%s", format, got, text)
		}
	}
}

func TestNumbersThatCountGoOnBehindImportedOnes(t *testing.T) {
	m := parse(t)
	s := openStore(t, m)
	load(t, m, s, "entry", transfer.CSV, "n,owner,text\n7,a,seven\n3,a,three\n,a,next\n")
	want := `{"owner":"a","n":3,"text":"three"}
{"owner":"a","n":7,"text":"seven"}
{"owner":"a","n":8,"text":"next"}
`
	if got := dump(t, m, s, "entry", transfer.NDJSON); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestRefusedRowsAreListedByLine(t *testing.T) {
	m := parse(t)
	s := openStore(t, m)
	sum, refused := load(t, m, s, "token", transfer.NDJSON, strings.Join([]string{
		`{"owner":"a","token_id":"00000000-0000-4000-8000-000000000001","code":"x"}`,
		``,
		`{"owner":"a","token_id":"00000000-0000-4000-8000-000000000002","code":"x"}`,
		`{"owner":"a","token_id":"00000000-0000-4000-8000-000000000001","code":"y"}`,
		`{"owner":"a","token_id":"00000000-0000-4000-8000-000000000001","code":"x"}`,
		`{"owner":"b","code":"this code is far too long"}`,
		`{"owner":"b","kode":"x"}`,
		`{"owner":"b","code":"x"`,
		`{"owner":"b","code":"x"}`,
	}, "\n"))
	if sum != (transfer.Summary{Inserted: 2, Present: 1, Refused: 5}) {
		t.Errorf("%+v", sum)
	}
	for i, line := range strings.Split(strings.TrimSpace(refused), "\n") {
		start := []string{"3: another row holds this code", "4: another row with this key", "6: code", "7: ", "8: the line is not valid JSON"}[i]
		if !strings.HasPrefix(line, start) {
			t.Errorf("want %q, got %q", start, line)
		}
	}
}

// A quoted cell without text is the empty string: what cannot be one says what it wants.
func TestEmptyCellsInQuotes(t *testing.T) {
	m := parse(t)
	s := openStore(t, m)
	_, refused := load(t, m, s, "thing", transfer.CSV,
		"owner,id,day,word,count,at,doc\na,00000000-0000-4000-8000-000000000001,2026-02-28,\"\",\"\",\"\",\"\"\n")
	for _, want := range []string{"count: must be an integer, such as 42", "at: must be a time by RFC 3339", "doc: "} {
		if !strings.Contains(refused, want) {
			t.Errorf("%q is not told in %s", want, refused)
		}
	}
	if strings.Contains(refused, "word") || strings.Contains(refused, "string") {
		t.Errorf("told: %s", refused)
	}
}

func TestCSVHeaderIsChecked(t *testing.T) {
	m := parse(t)
	s := openStore(t, m)
	for header, want := range map[string]string{
		"":                      "names the fields",
		"owner,id,day,wort\n":   "column 4 is \"wort\"",
		"owner,id,day,id\n":     "stands twice",
		"owner,id\n":            "day is missing",
		"owner,\"id,day\nx,y\n": "no end",
	} {
		_, err := transfer.Import(t.Context(), transfer.ImportOptions{Model: m, Store: s, Entity: m.Entity("thing"),
			Format: transfer.CSV, Source: strings.NewReader(header)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", header, want, err)
		}
	}
}

// tired is a store that dies in the middle of an import: after some writes it takes no more. It may
// have carried out the last of them without saying so, as a process that is killed.
type tired struct {
	store.Store
	left int
}

func (s *tired) Commit(ctx context.Context, ws ...*store.Write) {
	n := min(s.left, len(ws))
	s.left -= n
	s.Store.Commit(ctx, ws[:n]...)
	if n == len(ws) && s.left > 0 {
		return
	}
	for _, w := range ws {
		w.Result = store.WriteResult{Err: fault.New(fault.Unavailable, "The store is away.")}
	}
}

// An import that dies again and again, each time a little later, puts every row in once, whether the
// file gives the rows' keys or the model makes them.
func TestImportIsResumedWithoutDoubling(t *testing.T) {
	m := parse(t)
	for _, entity := range []string{"entry", "token"} {
		t.Run(entity, func(t *testing.T) {
			s := openStore(t, m)
			dir := t.TempDir()
			path := filepath.Join(dir, "rows.ndjson")
			var text strings.Builder
			const rows = 5000
			for n := range rows {
				if entity == "entry" {
					fmt.Fprintf(&text, `{"owner":"o%d","text":"row %d"}`+"\n", n%7, n)
				} else {
					fmt.Fprintf(&text, `{"owner":"o%d","token_id":"00000000-0000-4000-8000-%012d","code":"c%d"}`+"\n", n%7, n, n)
				}
				if n%1000 == 999 {
					text.WriteString("no row\n")
				}
			}
			if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			var last transfer.Summary
			for left := 1; ; left += 3 {
				sum, list, err := attempt(t, m, &tired{s, left}, entity, dir, path)
				if err == nil {
					last = sum
					if n := strings.Count(list, "\n"); n != 5 {
						t.Errorf("the list of refused rows has %d lines:\n%s", n, list)
					}
					break
				}
				if fault.CodeOf(err) != fault.Unavailable {
					t.Fatal(err)
				}
			}
			if last.Inserted+last.Present != rows || last.Refused != 5 {
				t.Errorf("%+v", last)
			}
			if n := strings.Count(dump(t, m, s, entity, transfer.NDJSON), "\n"); n != rows {
				t.Errorf("%d rows, want %d", n, rows)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "import-*")); len(left) > 0 {
				t.Error("a checkpoint is left:", left)
			}
		})
	}
}

// attempt is one run of the import, with its checkpoint and its list of refused rows.
func attempt(t *testing.T, m *model.Model, s store.Store, entity, dir, path string) (sum transfer.Summary, list string, err error) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	point, err := transfer.OpenCheckpoint(dir, file, m.Entity(entity), s.Info(), false)
	if err != nil {
		t.Fatal(err)
	}
	refused, err := point.KeepRefused(path + ".refused")
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	sum, err = transfer.Import(t.Context(), transfer.ImportOptions{
		Model: m, Store: s, Entity: m.Entity(entity), Format: transfer.NDJSON, Source: file, Checkpoint: point,
		Refused: func(line int, why string) error {
			_, err := fmt.Fprintf(refused, "%d: %s\n", line, why)
			return err
		},
	})
	text, readErr := os.ReadFile(path + ".refused")
	return sum, string(text), errors.Join(err, readErr)
}

func TestRestartForgetsTheCheckpoint(t *testing.T) {
	m := parse(t)
	s := openStore(t, m)
	dir := t.TempDir()
	path := filepath.Join(dir, "rows.ndjson")
	var text strings.Builder
	for n := range 2500 {
		fmt.Fprintf(&text, `{"owner":"o","token_id":"00000000-0000-4000-8000-%012d","code":"c%d"}`+"\n", n, n)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := attempt(t, m, &tired{s, 2}, "token", dir, path); err == nil {
		t.Fatal("the import did not break off")
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	point, err := transfer.OpenCheckpoint(dir, file, m.Entity("token"), s.Info(), false)
	if err != nil {
		t.Fatal(err)
	}
	if line, ok := point.Resumes(); !ok || line == 0 {
		t.Error("there is nothing to go on from:", line, ok)
	}
	point, err = transfer.OpenCheckpoint(dir, file, m.Entity("token"), s.Info(), true)
	if err != nil {
		t.Fatal(err)
	}
	if line, ok := point.Resumes(); ok {
		t.Error("goes on after line", line)
	}
}

// Whatever a CSV file holds, reading it does not panic, and refuses or takes every line.
func FuzzImportCSV(f *testing.F) {
	fuzzImport(f, transfer.CSV, "owner,n,text\na,1,x\n\"b\"\"\",,\"\"\n", "owner,text\n\"a\nb\",x\n,\n")
}

// The same for NDJSON.
func FuzzImportNDJSON(f *testing.F) {
	fuzzImport(f, transfer.NDJSON, `{"owner":"a","n":1,"text":"x"}`+"\n"+`{"owner":"b"}`+"\n", "\n{}\n[]", `{"owner":"a","owner":"b"}`)
}

func fuzzImport(f *testing.F, format transfer.Format, seeds ...string) {
	f.Helper()
	for _, seed := range seeds {
		f.Add(seed)
	}
	m, err := model.Parse("test.yaml", []byte(everything), nil)
	if err != nil {
		f.Fatal(err)
	}
	s, err := sqlite.Open(context.Background(), sqlite.Config{Dir: f.TempDir(), Model: m})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, text string) {
		sum, err := transfer.Import(t.Context(), transfer.ImportOptions{Model: m, Store: s, Entity: m.Entity("entry"),
			Format: format, Source: strings.NewReader(text)})
		if err == nil && sum.Rows() > strings.Count(text, "\n")+1 {
			t.Errorf("%d rows from %q", sum.Rows(), text)
		}
		if _, err := transfer.Export(t.Context(), s, m.Entity("entry"), format, io.Discard, nil); err != nil {
			t.Error(err)
		}
	})
}
