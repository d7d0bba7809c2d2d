package cache_test

import (
	"context"
	"fmt"
	"time"

	"github.com/partita-dev/partita/cache"
)

// trialLoader is a loader whose answers may be shared.
type trialLoader struct {
	which int
	loads
}

func (l trialLoader) Share() cache.Share {
	return cache.Share{Key: fmt.Sprint(l.which), Fresh: 8 * time.Second, Stale: 10 * time.Second}
}

// trialTier is a second tier that is put to late and loses what it has, when a step says so.
type trialTier struct {
	w     *trial
	kept  map[string]*trialPut
	late  []*trialPut
	asks  int
	finds int
}

type trialPut struct {
	key     string
	answer  *cache.Answer
	born    time.Time
	expires time.Time
}

func newTrialTier(w *trial) *trialTier { return &trialTier{w: w, kept: map[string]*trialPut{}} }

// Fetch takes some seconds, of which some are on the way there and the others on the way back.
func (t *trialTier) Fetch(ctx context.Context, key string, want cache.Want) cache.Offer {
	asked := time.Now()
	t.w.mu.Lock()
	t.asks++
	there, back := t.asks%3/2, t.asks%2*(1+t.asks%3)
	t.w.mu.Unlock()
	wait(ctx, time.Duration(there)*time.Second)
	o := t.find(key, want, asked)
	wait(ctx, time.Duration(back)*time.Second)
	return o
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (t *trialTier) find(key string, want cache.Want, asked time.Time) cache.Offer {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	now := time.Now()
	ticket := cache.Ticket{Token: "t", At: now}
	p := t.kept[key]
	if p == nil || now.After(p.expires) {
		return cache.Offer{Asked: true, Ticket: ticket}
	}
	age := now.Sub(p.born)
	if p.answer.Version < want.Version || age > want.Age || !want.Since.IsZero() && !now.Add(-age).After(want.Since) {
		return cache.Offer{Asked: true, Ticket: ticket}
	}
	t.finds++
	t.w.note("… the second tier gives answer %s at version %d, %v old", key, p.answer.Version, age)
	a := *p.answer
	a.Time = asked.Add(-age)
	return cache.Offer{Asked: true, Answer: &a}
}

func (t *trialTier) Done(_ context.Context, key string, ticket cache.Ticket, a *cache.Answer, keep time.Duration) {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if a != nil {
		t.late = append(t.late, &trialPut{key, a, ticket.At, ticket.At.Add(keep)})
	}
}

func (w *trial) putLate() {
	t := w.tier
	if len(t.late) == 0 {
		return
	}
	i := w.choose(len(t.late))
	p := t.late[i]
	t.late = append(t.late[:i:i], t.late[i+1:]...)
	if k := t.kept[p.key]; k == nil || time.Now().After(k.expires) || k.answer.Version < p.answer.Version || k.answer.Version == p.answer.Version && k.born.Before(p.born) {
		w.note("the second tier hears of answer %s at version %d", p.key, p.answer.Version)
		t.kept[p.key] = p
	}
}

func (w *trial) loseKept() {
	w.note("the second tier loses an answer")
	delete(w.tier.kept, fmt.Sprint(w.choose(trialAnswers)))
}
