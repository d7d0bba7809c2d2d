package store

// apart is what a Queue keeps for takers that work side by side.
type apart struct {
	takes  int // so far: names one of them
	held   map[Partition]hold
	parked map[Partition][]Item // in order: what is behind a held partition
	behind int                  // writes that are parked
}

// hold says that some taker has writes of a partition that are not done.
type hold struct{ writes, take int }

// TakeApart is Take for several takers that work side by side. A partition is with one of them at a
// time, from when some of its writes are taken until those are done: what comes for it meanwhile waits,
// in its order, and others go past it. So each partition's writes are carried out one after the other, as
// if there were one taker. Such a queue takes no jobs. A taker that has something to do already does not wait: it is given nothing
// where there is nothing.
func (q *Queue) TakeApart(dst []Item, wait bool) []Item {
	for {
		q.mu.Lock()
		before := len(dst)
		dst = q.takeFree(dst)
		left, over := len(q.waiting) > 0, q.refusal != nil && len(q.waiting) == 0 && q.apart.behind == 0
		q.mu.Unlock()
		if left || over {
			q.signal() // to another taker
		}
		if len(dst) > before || over || !wait {
			return dst
		}
		<-q.wake
	}
}

// takeFree takes what may go together now, and parks what it goes past.
func (q *Queue) takeFree(dst []Item) []Item {
	a := &q.apart
	if a.held == nil {
		a.held, a.parked = map[Partition]hold{}, map[Partition][]Item{}
	}
	a.takes++
	before, seen := len(dst), 0
	for ; seen < len(q.waiting) && len(dst)-before < q.group; seen++ {
		it := q.waiting[seen]
		p := it.Write.Partition
		h := a.held[p]
		if h.writes > 0 && h.take != a.takes {
			a.parked[p] = append(a.parked[p], it)
			a.behind++
			continue
		}
		if it.Write.Alone && len(dst) > before {
			break
		}
		a.held[p] = hold{h.writes + 1, a.takes}
		dst = append(dst, it)
		if it.Write.Alone {
			seen++
			break
		}
	}
	rest := copy(q.waiting, q.waiting[seen:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	return dst
}

// free gives partitions back whose writes are done, and tells whether something waited for them. What
// did comes first again.
func (a *apart) free(q *Queue, items []Item) (news bool) {
	if len(a.held) == 0 {
		return false
	}
	var again []Item
	for _, it := range items {
		p := it.Write.Partition
		h := a.held[p]
		if h.writes--; h.writes > 0 {
			a.held[p] = h
			continue
		}
		delete(a.held, p)
		if behind := a.parked[p]; behind != nil {
			again = append(again, behind...)
			a.behind -= len(behind)
			delete(a.parked, p)
		}
	}
	if len(again) > 0 {
		q.waiting = append(again, q.waiting...)
	}
	return len(again) > 0
}

// leave takes a call's items out of what is parked, or all items where c is nil, and gives them.
func (a *apart) leave(c *call) (out []Item) {
	if a.behind == 0 {
		return nil
	}
	for p, items := range a.parked {
		kept := items[:0]
		for _, it := range items {
			if c == nil || it.call == c {
				out = append(out, it)
			} else {
				kept = append(kept, it)
			}
		}
		clear(items[len(kept):])
		if a.parked[p] = kept; len(kept) == 0 {
			delete(a.parked, p)
		}
	}
	a.behind -= len(out)
	return out
}
