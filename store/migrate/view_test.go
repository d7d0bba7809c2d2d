package migrate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/migrate"
)

const seen = `
service: small
partitions: {box: {by: box_id, type: string(10), expect: 10}}
entities:
  card: {in: box, key: card_id, expect: 10, fields: {card_id: string(10), name: string(10), price: "decimal(8,2)", on: {enum: [yes_, no_]}, at: time, made: date}}
views:
  named:  {from: card, by: name, fields: [price, on, at, made]}
  totals: {from: card, by: name, fold: {cards: count, spent: {sum: price}, mean: {avg: price}}}
`

// kept is the store's model of a text: with the books of its views.
func kept(t *testing.T, source string) *model.Model {
	t.Helper()
	return work.Extend(parse(t, source)).Store
}

// A field leaves a view and comes back. Nothing is lost by that, so no word is asked for, but on a store that
// nodes of the older model may share: they need the column.
func TestAFieldLeavesAViewAndComesBack(t *testing.T) {
	fewer := edit(seen, "[price, on, at, made]", "[at]", ", mean: {avg: price}", "")
	everywhere(t, func(t *testing.T, p *place) {
		m := kept(t, seen)
		s := p.opened(t, m)
		for _, name := range []string{"named", "totals"} { // as the views would have it
			e := m.Entity(name)
			row := map[string]model.Value{"name": model.String("n"), "box_id": model.String("b"), "card_id": model.String("c"), "price": model.Decimal(100, 2),
				"on": model.String("yes_"), "at": model.TimeMicro(1), "made": model.DateDays(1), "cards": model.Int(1), "spent": model.Decimal(100, 2), "mean": model.Float(1)}
			for field := range row {
				if e.Field(field) == nil {
					delete(row, field)
				}
			}
			insert(t, s, e, row)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		m = kept(t, fewer)
		plan := p.run(t, m, true)
		dropped := 0
		for _, step := range plan.Steps {
			if strings.HasPrefix(step.What, "Drops the column") {
				dropped++
				if step.Allow == "" != (p.kind == "sqlite") || !strings.Contains(step.Cost, "nothing is lost: the view") {
					t.Errorf("%+v", step)
				}
			}
		}
		if dropped != 6 { // price, on, made; mean, and what it is computed from
			t.Errorf("%d columns go:\n%s", dropped, plan.Text())
		}
		if _, err := migrate.Covers(plan); p.kind == "sqlite" && err != nil {
			t.Error("the store cannot be read by the smaller model: ", err)
		}
		if p.kind == "postgres" {
			p.run(t, m, false) // older nodes may be there: their columns need no value any more
		}
		s = p.opened(t, m)
		if rows := scanned(t, s, m.Entity("named")); len(rows) != 1 {
			t.Errorf("%d rows", len(rows))
		}
		insert(t, s, m.Entity("named"), map[string]model.Value{"name": model.String("n"), "box_id": model.String("b"), "card_id": model.String("d"), "at": model.TimeMicro(1)})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		m = kept(t, seen)
		s = p.opened(t, m)
		e := m.Entity("named")
		row := map[string]model.Value{"name": model.String("n"), "box_id": model.String("b"), "card_id": model.String("e"), "at": model.TimeMicro(1),
			"price": model.Decimal(200, 2), "on": model.String("no_"), "made": model.DateDays(1)}
		insert(t, s, e, row)
		if rows := scanned(t, s, e); len(rows) != 3 || rows[2].Values[e.Field("price").Pos] != model.Decimal(200, 2) {
			t.Errorf("%v", rows)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if plan := p.run(t, m, true); slices.ContainsFunc(plan.Steps, func(s *migrate.Step) bool { return !s.Optional }) {
			t.Error("there is something left:\n", plan.Text())
		}
	})
}

func scanned(t *testing.T, s store.Store, e *model.Entity) []*model.Row {
	t.Helper()
	rows, err := s.Scan(t.Context(), e, nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Where the rows that a view is made from expire, the view keeps what cannot be made anew, and a word is asked
// for.
func TestAFieldLeavesAViewThatCannotBeMadeAnew(t *testing.T) {
	aging := edit(seen, "key: card_id,", "key: card_id, keep: {for: 90d, from: at},")
	everywhere(t, func(t *testing.T, p *place) {
		if err := p.opened(t, kept(t, aging)).Close(); err != nil {
			t.Fatal(err)
		}
		plan := p.run(t, kept(t, edit(aging, "[price, on, at, made]", "[on, at, made]")), true)
		last := plan.Steps[len(plan.Steps)-1]
		if last.Allow != migrate.DropColumn || last.AtStart || !strings.Contains(last.Cost, "keeps of rows that have expired is lost") {
			t.Error(plan.Text())
		}
	})
}

// A step that changes nothing in the store is nothing to stumble over for those who read it.
func TestAStoreWithAnEnumOfMoreIsCovered(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		if err := p.opened(t, kept(t, edit(seen, "[yes_, no_]", "[yes_, no_, more]"))).Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := migrate.Covers(p.run(t, kept(t, seen), true)); err != nil {
			t.Error(err)
		}
	})
}
