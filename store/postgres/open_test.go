package postgres

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// Whoever mistypes the store's URL is told which part of it is at fault, and nothing that is secret.
func TestOpenSaysWhatIsWrongWithTheURL(t *testing.T) {
	m, err := model.Parse("m.yaml", []byte(`service: words
partitions: {shop: {by: shop_id, type: uuid, expect: 10}}
entities: {sale: {in: shop, fields: {total: int}}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	good := server.Database(t)
	admin, err := pgx.Connect(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	if _, err := admin.Exec(t.Context(), "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*url.URL)
		says   string
	}{
		"user":     {func(u *url.URL) { u.User = url.UserPassword("nobody_of_that_name", "pass-phrase") }, "user and password"},
		"database": {func(u *url.URL) { u.Path = "/no_such_database" }, "no database of the name"},
		"crowded":  {func(u *url.URL) { u.User = url.User("crowded") }, "no connection left"},
		"port":     {func(u *url.URL) { u.Host = "127.0.0.1:1" }, "host and port"},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(good)
			if err != nil {
				t.Fatal(err)
			}
			test.change(u)
			_, err = Open(t.Context(), Config{URL: u.String(), Model: m})
			if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(messageOf(err), test.says) {
				t.Fatal(err)
			}
			if strings.Contains(err.Error(), "pass-phrase") {
				t.Error("the password is in the error:", err)
			}
		})
	}
}

// messageOf gives what a user is told of an error.
func messageOf(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Message
	}
	return ""
}
