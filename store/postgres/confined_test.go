package postgres

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
	"github.com/partita-dev/partita/store/storetest"
)

// statements gathers the text of every statement that stores send, and the models that they have.
type statements struct {
	texts  sync.Map
	models sync.Map
}

// of notes that a store of that model is opened.
func (s *statements) of(m *model.Model) *statements {
	s.models.Store(m, true)
	return s
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.texts.Store(d.SQL, true)
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (*statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (s *statements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	s.texts.Store(d.SQL, true)
}

func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// check proves of each statement that it is confined to the partitions that it names, or is one of the
// declared exceptions.
func (s *statements) check(t *testing.T) {
	all := &model.Model{}
	s.models.Range(func(m, _ any) bool {
		all.Families = append(all.Families, m.(*model.Model).Families...)
		all.Entities = append(all.Entities, m.(*model.Model).Entities...)
		return true
	})
	confined, excepted := 0, map[string]int{}
	s.texts.Range(func(text, _ any) bool {
		sql := strings.Join(strings.Fields(text.(string)), " ")
		switch why := exception(all, sql); {
		case why != "":
			excepted[why]++
		default:
			confined++
			if err := confinement(all, sql); err != nil {
				t.Errorf("%v:\n%s", err, sql)
			}
		}
		return true
	})
	t.Logf("%d statements are confined to the partitions that they name; others: %v", confined, excepted)
	if confined < 5 {
		t.Error("too few statements were seen to say anything")
	}
}

var session = regexp.MustCompile(`(?i)^(begin|commit|rollback|set |reset |show |select set_config|-- ping)`)

var schema = regexp.MustCompile(`(?i)^(create |alter |drop |select count\(\*\) from "\w+"$)|pg_(advisory|try_advisory|catalog|attribute|class|index|database|constraint|settings|stat|type|namespace)`)

// exception tells why a statement need not name a partition; "" for one that must.
func exception(m *model.Model, sql string) string {
	switch {
	case session.MatchString(sql):
		return "of the session"
	case schema.MatchString(sql), strings.Contains(sql, `"`+sqltext.MetaTable+`"`):
		return "of the schema"
	case strings.Contains(sql, `"`+sqltext.LeaseTable+`"`):
		return "leases"
	}
	for _, f := range m.Families {
		b := sqltext.BooksOf(f)
		switch sql {
		case b.Lagging:
			return "what lags (the one query across partitions)"
		case b.Heads, b.HeadsAfter, b.Bucket, b.BucketAfter:
			return "lists of partitions, for sweeps, exports and building views"
		case b.FollowedNow, b.UnfollowedNow:
			return "of the schema"
		}
	}
	for _, e := range m.Entities {
		if sql == sqltext.Scan(e, false) || sql == sqltext.Scan(e, true) {
			return "exports"
		}
	}
	return ""
}

var mention = regexp.MustCompile(`(?i)\b(FROM|JOIN|UPDATE|INTO|USING) "([^"]+)"(?: (?:AS )?([a-z]+)\b)?`)

// confinement tells what is wrong with a statement: each table that it mentions must be bound, by its
// partition column, to a parameter, to an array that is one, or to another table's partition.
func confinement(m *model.Model, sql string) error {
	found := mention.FindAllStringSubmatch(sql, -1)
	if len(found) == 0 {
		return fmt.Errorf("no table is mentioned")
	}
	unaliased := map[string]int{} // by partition column: tables without an alias share their conditions
	for _, x := range found {
		verb, table, alias := strings.ToUpper(x[1]), x[2], x[3]
		column := partitionColumn(m, table)
		switch {
		case column == "":
			return fmt.Errorf("%s is no table of a partition", table)
		case verb == "INTO":
			// A row that comes brings its partition along, as its first value.
			if !regexp.MustCompile(`INTO "` + regexp.QuoteMeta(table) + `" \("` + column + `", .*(VALUES \(\$1|SELECT \* FROM unnest\(\$1::)`).MatchString(sql) {
				return fmt.Errorf("what comes into %s does not begin with its partition", table)
			}
		case slices.Contains([]string{"", "where", "set", "order", "limit", "on", "join", "left"}, strings.ToLower(alias)):
			unaliased[column]++
		case len(bindings(alias+`\.`, column).FindAllString(sql, -1)) == 0:
			return fmt.Errorf("%s, as %s, is not bound to a partition", table, alias)
		}
	}
	for column, n := range unaliased {
		if got := len(bindings(`(?:^|[ (])`, column).FindAllString(sql, -1)); got < n {
			return fmt.Errorf("%d tables are mentioned, and %d conditions bind %q", n, got, column)
		}
	}
	return nil
}

// bindings finds conditions that bind a partition column.
func bindings(before, column string) *regexp.Regexp {
	return regexp.MustCompile(before + `"` + regexp.QuoteMeta(column) + `" = (?:\$\d+|ANY\(\$\d+(?:::[^)]*)?\)|u\.c1|[a-z]+\."[^"]+")`)
}

// partitionColumn gives the column that holds the partition; "" for a table that is of none.
func partitionColumn(m *model.Model, table string) string {
	for _, e := range m.Entities {
		if e.Name == table {
			return e.Fields[0].Name
		}
	}
	for _, f := range m.Families {
		for _, kind := range []string{"head", "change", "outcome", "counter"} {
			if sqltext.BookName(kind, f) == table {
				return "partition"
			}
		}
	}
	return ""
}

func TestConfinementIsNoticed(t *testing.T) {
	m := storetest.Model(t)
	for _, sql := range []string{
		`SELECT "version" FROM "partita_head_account" WHERE "version" = $1`,
		`UPDATE "partita_head_account" SET "version" = $1`,
		`SELECT * FROM "order" WHERE "order_id" = $1`,
		`DELETE FROM "partita_outcome_account" WHERE "partition" = $1 AND "hash" IN (SELECT "hash" FROM "partita_outcome_account" WHERE "at" < $2)`,
		`SELECT h."version" FROM "partita_head_account" h LEFT JOIN "order" e ON e."order_id" = $2 WHERE h."partition" = $1`,
		`INSERT INTO "order" ("order_id", "account_id") VALUES ($1, $2)`,
		`SELECT 1 FROM "elsewhere" WHERE "partition" = $1`,
	} {
		if confinement(m, sql) == nil {
			t.Errorf("nothing is said about %s", sql)
		}
	}
}
