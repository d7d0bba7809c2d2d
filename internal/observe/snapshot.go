package observe

import (
	"time"

	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/study"
)

// Window is the stretch of time that figures cover, up to now.
type Window string

// The windows that are kept.
const (
	Last10s    Window = "10s"
	Last1m     Window = "1m"
	Last5m     Window = "5m"
	Last1h     Window = "1h"
	SinceStart Window = "start"
)

// seconds gives the length of a window, 0 for SinceStart, and whether it is one.
func (w Window) seconds() (int, bool) {
	switch w {
	case Last10s:
		return 10, true
	case Last1m:
		return 60, true
	case Last5m:
		return 5 * 60, true
	case Last1h:
		return 60 * 60, true
	case SinceStart:
		return 0, true
	}
	return 0, false
}

// Valid tells whether w is one of the windows that are kept.
func (w Window) Valid() bool { _, ok := w.seconds(); return ok }

// Snapshot is what a node knows about itself and its service at one moment. Cache, Store and Process
// are the node's own; the figures before them are those of all nodes together. Times and latencies are seconds,
// rates are per second, shares lie between 0 and 1.
type Snapshot struct {
	Service  string    `json:"service"`
	Node     string    `json:"node"`     // that was asked
	Revision string    `json:"revision"` // of the model
	Version  string    `json:"version"`  // of the program
	Time     time.Time `json:"time"`
	Started  time.Time `json:"started"`
	Uptime   float64   `json:"uptime"`
	Window   Window    `json:"window"`
	Covered  float64   `json:"covered"` // seconds that the figures really cover: less than the window soon after the start

	State      Overall     `json:"state"`
	Components []Component `json:"components"`
	// History are the times in which a part of this node was not well, the latest first.
	History []health.Episode `json:"history"`

	Nodes  []Node `json:"nodes"`  // by name; one that was not heard of for long is left out
	Merged int    `json:"merged"` // nodes whose figures are in those that follow, up to Cache

	Total    Total      `json:"total"`
	Chart    Chart      `json:"chart"`
	Reads    []Pattern  `json:"reads"`
	Writes   []Pattern  `json:"writes"`
	Business []Business `json:"business"`
	// Study is what would help, of all nodes; only in figures since the start.
	Study *study.Figures `json:"study,omitempty"`

	Cache     *CacheFigures     `json:"cache,omitempty"`
	Shared    *SharedFigures    `json:"shared_cache,omitempty"`
	Store     *StoreFigures     `json:"store,omitempty"`
	Accepted  *AcceptedFigures  `json:"accepted,omitempty"`
	Views     []ViewFigures     `json:"views,omitempty"`
	Endpoints []EndpointFigures `json:"endpoints,omitempty"`
	Admission *Admission        `json:"admission,omitempty"`
	Process   Process           `json:"process"`
}

// Total is the whole service in one line.
type Total struct {
	Requests uint64  `json:"requests"`
	Rate     float64 `json:"rate"`
	Failed   float64 `json:"failed_share"`  // the service is to blame
	Refused  float64 `json:"refused_share"` // the request is to blame
	Latency
	HitShare float64 `json:"hit_share"` // of the reads that the cache was asked for
}

// Latency gives percentiles, each at most a few percent off; 0 where nothing was measured.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Chart is the recent past of the whole service in equal steps, oldest first.
type Chart struct {
	Step   int       `json:"step"`   // seconds
	Points int       `json:"points"` // how many there are when the chart is full
	Rate   []float64 `json:"rate"`
	Failed []float64 `json:"failed"` // per second
	Shed   []float64 `json:"shed"`   // of Failed: refused since there was too much to do
	P50    []float64 `json:"p50"`
	P99    []float64 `json:"p99"`
}

// Pattern is one read or write.
type Pattern struct {
	Name     string  `json:"name"`
	Requests uint64  `json:"requests"`
	Rate     float64 `json:"rate"`
	Latency
	Mean     float64      `json:"mean"`
	Store    Latency      `json:"store"`  // of the time spent waiting for the store, where it was asked
	Stored   Stored       `json:"stored"` // of the requests that asked the store
	Failed   float64      `json:"failed_share"`
	Errors   []ErrorCount `json:"errors"`
	Cache    *Outcomes    `json:"cache,omitempty"`     // reads only
	Age      *Latency     `json:"age,omitempty"`       // of answers from the cache; reads only
	StaleAge *Latency     `json:"stale_age,omitempty"` // of stale answers; reads only
	Replayed uint64       `json:"replayed"`            // writes only: answered again by their idempotency key
	Trend    []float64    `json:"trend"`               // rate in the steps of the Chart
}

// Stored is how many requests waited for the store, and for how long on average.
type Stored struct {
	Requests uint64  `json:"requests"`
	Mean     float64 `json:"mean"`
}

// ErrorCount is how often one kind of error was answered.
type ErrorCount struct {
	Code  string `json:"code"`
	Kind  string `json:"kind"` // failed: the service is to blame; refused: the request; answer: not found
	Count uint64 `json:"count"`
}

// Outcomes counts how answers came about.
type Outcomes struct {
	Hit       uint64 `json:"hit"`
	Miss      uint64 `json:"miss"`
	Joined    uint64 `json:"joined"`
	Refreshed uint64 `json:"refreshed"`
	Stale     uint64 `json:"stale"`
	Bypass    uint64 `json:"bypass"`
	Shared    uint64 `json:"shared"`
}

// Business is one business metric.
type Business struct {
	Name   string    `json:"name"`
	Of     string    `json:"of"`     // the pattern it counts
	Kind   string    `json:"kind"`   // count or sum
	Total  float64   `json:"total"`  // since start
	Window float64   `json:"window"` // in the window
	Rate   float64   `json:"rate"`
	Trend  []float64 `json:"trend"`            // per step of the Chart
	Series []Labeled `json:"series,omitempty"` // by labels, largest first
}

// Labeled is the part of a business metric that has these labels.
type Labeled struct {
	Labels map[string]string `json:"labels"`
	Total  float64           `json:"total"`
}

// CacheFigures are figures of the first cache tier.
type CacheFigures struct {
	Bytes      int64  `json:"bytes"`
	Bound      int64  `json:"bound"`
	Entries    int    `json:"entries"`
	NotFound   int    `json:"not_found"` // entries that say so
	Partitions int    `json:"partitions"`
	Flights    int    `json:"flights"` // loads under way
	Loads      uint64 `json:"loads"`
	LoadErrors uint64 `json:"load_errors"`
	Evictions  uint64 `json:"evictions"` // for room
	Messages   uint64 `json:"messages"`  // changes that it heard of
}

// StoreFigures are figures of the store.
type StoreFigures struct {
	Kind         string  `json:"kind"`
	Version      string  `json:"version"`
	Bytes        int64   `json:"bytes"`
	QueueLength  int     `json:"queue"`
	QueueBound   int     `json:"queue_bound"`
	Groups       uint64  `json:"groups"`
	GroupWrites  uint64  `json:"group_writes"`
	GroupSize    float64 `json:"group_size"` // writes per group since open
	Readers      int     `json:"readers"`
	ReadersInUse int     `json:"readers_in_use"`
}

// Process is what the program uses of its machine. A negative number is not known here.
type Process struct {
	CPU        float64 `json:"cpu"` // processors in use, over the last ten seconds
	CPUs       int     `json:"cpus"`
	RSS        int64   `json:"rss"`
	Heap       int64   `json:"heap"`
	Goroutines int     `json:"goroutines"`
	GCShare    float64 `json:"gc_share"` // of the processor time since start
	GCPause    float64 `json:"gc_pause_p99"`
	Files      int     `json:"files"`
	FilesBound int64   `json:"files_bound"`
	DiskFree   int64   `json:"disk_free"`
	DiskSize   int64   `json:"disk_size"`
	GoVersion  string  `json:"go_version"`
}
