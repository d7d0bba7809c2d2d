package observe

import (
	"cmp"
	"context"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// gauge is a figure of the store, the cache or the disk.
type gauge struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(parts) float64
	has  func(parts) bool // whether the part could tell its figures; nil: always
}

// parts are the figures that gauges are taken from.
type parts struct {
	cache    *CacheFigures
	shared   *SharedFigures
	store    *StoreFigures
	accepted *AcceptedFigures
	views    []ViewFigures
	disk     int64
}

func gauges(r *Recorder) []gauge {
	var list []gauge
	var has func(parts) bool
	add := func(name, help string, kind prometheus.ValueType, of func(parts) float64) {
		list = append(list, gauge{prometheus.NewDesc("partita_"+name, help, nil, nil), kind, of, has})
	}
	const value, count = prometheus.GaugeValue, prometheus.CounterValue
	if r.cfg.Cache != nil {
		add("cache_bytes", "Memory that cached answers take.", value, func(p parts) float64 { return float64(p.cache.Bytes) })
		add("cache_bound_bytes", "Memory that cached answers may take.", value, func(p parts) float64 { return float64(p.cache.Bound) })
		add("cache_entries", "Cached answers.", value, func(p parts) float64 { return float64(p.cache.Entries) })
		add("cache_partitions", "Partitions of which answers are cached.", value, func(p parts) float64 { return float64(p.cache.Partitions) })
		add("cache_flights", "Loads from the store that are under way.", value, func(p parts) float64 { return float64(p.cache.Flights) })
		add("cache_loads_total", "Loads from the store that were begun.", count, func(p parts) float64 { return float64(p.cache.Loads) })
		add("cache_load_errors_total", "Loads from the store that failed.", count, func(p parts) float64 { return float64(p.cache.LoadErrors) })
		add("cache_messages_total", "Changes of partitions that the cache took in.", count, func(p parts) float64 { return float64(p.cache.Messages) })
		add("cache_evictions_total", "Answers dropped for room.", count, func(p parts) float64 { return float64(p.cache.Evictions) })
	}
	if r.cfg.Shared != nil {
		add("shared_cache_hits_total", "Answers that the shared cache offered.", count, func(p parts) float64 { return float64(p.shared.Hits) })
		add("shared_cache_misses_total", "Times that the shared cache had no answer that would do.", count, func(p parts) float64 { return float64(p.shared.Misses) })
		add("shared_cache_unfit_total", "Answers of the shared cache that this node knew better than to take.", count, func(p parts) float64 { return float64(p.shared.Unfit) })
		add("shared_cache_waits_total", "Times that another node's load was waited for.", count, func(p parts) float64 { return float64(p.shared.Waits) })
		add("shared_cache_waits_in_vain_total", "Waits that ended without that load's answer.", count, func(p parts) float64 { return float64(p.shared.Vain) })
		add("shared_cache_puts_total", "Answers of this node that the shared cache kept.", count, func(p parts) float64 { return float64(p.shared.Puts) })
		add("shared_cache_too_large_total", "Answers that were too large to share.", count, func(p parts) float64 { return float64(p.shared.Large) })
		add("shared_cache_errors_total", "Calls of the shared cache that failed or were not answered in time.", count, func(p parts) float64 { return float64(p.shared.Errors) })
		add("shared_cache_skipped_total", "Calls of the shared cache not made, since it is away or too many waited.", count, func(p parts) float64 { return float64(p.shared.Skipped) })
		add("shared_cache_calls_waiting", "Calls of the shared cache under way.", value, func(p parts) float64 { return float64(p.shared.Waiting) })
	}
	if r.cfg.Store != nil {
		has = func(p parts) bool { return p.store != nil }
		add("store_bytes", "Size of the store on its disk.", value, func(p parts) float64 { return float64(p.store.Bytes) })
		add("store_queue_writes", "Writes that wait for a group.", value, func(p parts) float64 { return float64(p.store.QueueLength) })
		add("store_queue_bound_writes", "Writes that may wait for a group; more are refused.", value, func(p parts) float64 { return float64(p.store.QueueBound) })
		add("store_groups_total", "Groups committed.", count, func(p parts) float64 { return float64(p.store.Groups) })
		add("store_group_writes_total", "Writes in committed groups.", count, func(p parts) float64 { return float64(p.store.GroupWrites) })
		add("store_readers", "Connections for reads.", value, func(p parts) float64 { return float64(p.store.Readers) })
		add("store_readers_in_use", "Connections for reads that are at work.", value, func(p parts) float64 { return float64(p.store.ReadersInUse) })
	}
	has = func(p parts) bool { return p.accepted != nil }
	add("accepted_total", "Writes accepted to be carried out later, by this node.", count, func(p parts) float64 { return float64(p.accepted.Accepted) })
	add("accepted_settled_total", "Accepted writes that this node carried out, or that failed for good.", count, func(p parts) float64 { return float64(p.accepted.Settled) })
	add("accepted_failed_total", "Accepted writes that failed for good.", count, func(p parts) float64 { return float64(p.accepted.Failed) })
	add("accepted_aside_total", "Accepted writes that this node made dead letters of.", count, func(p parts) float64 { return float64(p.accepted.Aside) })
	add("accepted_shards", "Shards whose accepted writes this node carries out.", value, func(p parts) float64 { return float64(p.accepted.Shards) })
	add("accepted_stuck_shards", "Shards of this node that one accepted write holds up.", value, func(p parts) float64 { return float64(len(p.accepted.Stuck)) })
	add("accepted_apart_bytes", "Accepted writes that stand apart, since their shard is stuck, so that the others go on.", value, func(p parts) (n float64) {
		for _, s := range p.accepted.Stuck {
			n += float64(s.Apart)
		}
		return n
	})
	has = func(p parts) bool { return p.accepted != nil && p.accepted.Known }
	add("accepted_backlog_messages", "Groups of accepted writes on the bus, of all nodes.", value, func(p parts) float64 { return float64(p.accepted.Waiting) })
	add("accepted_backlog_bytes", "Bytes of accepted writes on the bus, of all nodes.", value, func(p parts) float64 { return float64(p.accepted.Bytes) })
	add("accepted_backlog_age_seconds", "Since the oldest write on the bus was accepted.", value, func(p parts) float64 { return p.accepted.Age })
	has = func(p parts) bool { return len(p.views) > 0 }
	add("views_lag_seconds", "Age of the oldest change that is not in every view; 0 where all are.", value, func(p parts) float64 {
		return slices.MaxFunc(p.views, func(a, b ViewFigures) int { return cmp.Compare(a.Lag, b.Lag) }).Lag
	})
	add("views_building", "Views that are being built from what was there before them.", value, func(p parts) (n float64) {
		for _, v := range p.views {
			if v.State != "ready" {
				n++
			}
		}
		return n
	})
	if r.cfg.DataDir != "" {
		has = func(p parts) bool { return p.disk >= 0 }
		add("disk_free_bytes", "Room on the disk of the data folder.", value, func(p parts) float64 { return float64(p.disk) })
	}
	return list
}

// collectGauges gives the gauges of the parts that could tell their figures.
func (e *exporter) collectGauges(ch chan<- prometheus.Metric) {
	var p parts
	p.cache = e.r.cacheFigures()
	p.shared = e.r.sharedFigures()
	p.store = e.r.storeFigures(context.Background())
	p.accepted = e.r.acceptedFigures(context.Background(), SinceStart)
	p.views = e.r.viewFigures(context.Background())
	p.disk, _ = diskSpace(e.r.cfg.DataDir)
	for _, g := range e.gauges {
		if g.has != nil && !g.has(p) {
			continue
		}
		ch <- prometheus.MustNewConstMetric(g.desc, g.kind, g.of(p))
	}
}
