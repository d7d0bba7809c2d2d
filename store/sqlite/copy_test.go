package sqlite

import (
	"testing"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/storetest"
)

func TestCopy(t *testing.T) {
	storetest.RunCopy(t, func(t testing.TB) storetest.CopyPlace {
		dir := t.TempDir()
		return storetest.CopyPlace{
			Open: func(t testing.TB, m *model.Model, o store.Options) store.Store {
				t.Helper()
				s, err := Open(t.Context(), Config{Dir: dir, Model: m, Options: o})
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Copy: func(m *model.Model) (store.Copy, error) { return OpenCopy(t.Context(), dir, m) },
			Fill: func(m *model.Model) (store.Filler, error) { return OpenFiller(t.Context(), dir, m) },
		}
	})
}

func TestRenew(t *testing.T) {
	dir, m := t.TempDir(), storetest.Model(t)
	identity := func() store.Info {
		s, err := Open(t.Context(), Config{Dir: dir, Model: m})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.Info()
	}
	before := identity()
	info, err := Renew(t.Context(), dir, m)
	if err != nil {
		t.Fatal(err)
	}
	after := identity()
	if after.Incarnation == before.Incarnation || after.Incarnation != info.Incarnation || string(after.Secret) == string(before.Secret) {
		t.Errorf("the incarnation was %q, is %q, and was said to be %q", before.Incarnation, after.Incarnation, info.Incarnation)
	}
}
