package relay

import (
	"context"
	"sync"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Source is a partition that a view is made from, at a version.
type Source struct {
	Partition store.Partition
	Version   uint64
}

// MostSources bounds what Sources gives.
const MostSources = 8

// Sources tells what a partition of a view took in last, as of one of its versions: source partitions,
// each with the version up to which it is in the view. It gives MostSources at most, and none where the
// view had another kind of step then. What was asked for is remembered for a while; where it is not,
// the store is asked, unless asks is false.
func (v *Views) Sources(ctx context.Context, view *model.View, partition model.Value, version uint64, asks bool) ([]Source, error) {
	p := v.planOf(view)
	if p == nil || version == 0 {
		return nil, nil
	}
	at := viewVersion{store.Partition{Family: view.Family, Value: partition}, version}
	if list, ok := v.sources.get(at); ok || !asks {
		return list, nil
	}
	changes, err := v.config.Store.Changes(ctx, at.partition, version-1, 1)
	if err != nil {
		return nil, err
	}
	var list []Source
	for _, c := range changes {
		list = p.tookIn(c)
	}
	v.sources.put(at, list)
	return list, nil
}

// tookIn reads from a change of the view what of its sources was applied.
func (p *plan) tookIn(c *store.Change) (list []Source) {
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Entity != p.applied || r.After == nil || len(list) == MostSources {
			continue
		}
		source, err := partitionOf(p.view.From.Family, r.After.Values[1].Text())
		if err == nil {
			list = append(list, Source{store.Partition{Family: p.view.From.Family, Value: source}, uint64(r.After.Values[2].Int())})
		}
	}
	return list
}

// viewVersion is a partition of a view at one of its versions: what it took in never changes.
type viewVersion struct {
	partition store.Partition
	version   uint64
}

// sourcesKnown remembers sources. The zero value is ready.
type sourcesKnown struct {
	mu    sync.RWMutex
	lists map[viewVersion][]Source
}

func (k *sourcesKnown) get(at viewVersion) ([]Source, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	list, ok := k.lists[at]
	return list, ok
}

func (k *sourcesKnown) put(at viewVersion, list []Source) {
	const most = 10_000
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lists == nil || len(k.lists) >= most {
		k.lists = map[viewVersion][]Source{}
	}
	k.lists[at] = list
}
