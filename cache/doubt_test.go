package cache_test

import (
	"slices"
	"testing"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/model"
)

func TestDoubtfulCommitsAreNotHidden(t *testing.T) {
	hit := func(c *cache.Cache) bool { _, _, ok := lookup(c, "p", "a", minute); return ok }
	t.Run("committed", func(t *testing.T) {
		c := newCache(t, cache.Config{})
		must(t, c, "p", "a", 1, minute, answers(4, "four"))
		c.Doubt("p", 5)
		if hit(c) {
			t.Fatal("an answer that may lack a commit is a hit")
		}
		must(t, c, "p", "a", 1, minute, answers(4, "four")) // not committed yet, it seems
		if hit(c) {
			t.Fatal("an answer that may lack a commit is a hit after it was loaded again")
		}
		must(t, c, "p", "a", 1, minute, answers(5, "five"))
		if !hit(c) {
			t.Fatal("an answer that has the commit is none")
		}
		c.Apply(cache.Message{Partition: "p", Version: 5, Tags: []model.Tag{1}})
		c.Settled("p", true)
		if !hit(c) {
			t.Fatal("an answer that has the commit is none once it is known")
		}
	})
	t.Run("not committed", func(t *testing.T) {
		c := newCache(t, cache.Config{})
		must(t, c, "p", "a", 1, minute, answers(4, "four"))
		c.Doubt("p", 5)
		c.Settled("p", false)
		if !hit(c) {
			t.Fatal("an answer that lacks nothing is not a hit")
		}
		c.Apply(cache.Message{Partition: "p", Version: 5, Tags: []model.Tag{1}})
		if hit(c) {
			t.Fatal("version 5 came after all, from another write, and was passed over")
		}
	})
	t.Run("over evictions", func(t *testing.T) {
		c := newCache(t, cache.Config{})
		c.Doubt("p", 5)
		must(t, c, "p", "a", 1, minute, answers(4, "four"))
		if hit(c) {
			t.Fatal("the doubt was forgotten, since nothing of the partition was there")
		}
		c.Expire()
		must(t, c, "p", "a", 1, minute, answers(4, "four"))
		if hit(c) {
			t.Fatal("the doubt was forgotten with the answers")
		}
		c.Settled("p", false)
		if !hit(c) {
			t.Fatal("the doubt stayed")
		}
	})
}

func TestReachedFindsWhatMessagesDidNotTell(t *testing.T) {
	c := newCache(t, cache.Config{})
	if c.Resident([]byte("p")) || c.Reached("p", 9) {
		t.Fatal("nothing is known of a partition that nobody asked for")
	}
	must(t, c, "p", "a", 1, minute, answers(4, "four"))
	if !c.Resident([]byte("p")) || c.Reached("p", 4) {
		t.Fatal("nothing was lost up to the version that was read")
	}
	if got := slices.Collect(c.Partitions); !slices.Equal(got, []string{"p"}) {
		t.Fatal(got)
	}
	if !c.Reached("p", 6) {
		t.Fatal("versions 5 and 6 were not missed")
	}
	if _, _, ok := lookup(c, "p", "a", minute); ok {
		t.Fatal("the answer is still a hit")
	}
	c.Apply(cache.Message{Partition: "p", Version: 6, Tags: []model.Tag{2}}) // late
	must(t, c, "p", "a", 1, minute, answers(6, "six"))
	if _, _, ok := lookup(c, "p", "a", minute); !ok {
		t.Fatal("the answer of version 6 is no hit")
	}
}
