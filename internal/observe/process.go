package observe

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// process watches what the program uses of its machine.
type process struct {
	samples [11]cpuSample // of the last seconds, as a ring
	count   int
}

type cpuSample struct {
	at   time.Time
	used time.Duration
}

// sample notes the processor time used so far. The caller holds the Recorder's lock.
func (p *process) sample(now time.Time) {
	p.samples[p.count%len(p.samples)] = cpuSample{now, cpuTime()}
	p.count++
}

// cpu gives the processors in use over the samples. The caller holds the Recorder's lock.
func (p *process) cpu() float64 {
	n := min(p.count, len(p.samples))
	if n < 2 {
		return 0
	}
	first := p.samples[(p.count-n)%len(p.samples)]
	last := p.samples[(p.count-1)%len(p.samples)]
	return per((last.used - first.used).Seconds(), last.at.Sub(first.at).Seconds())
}

func processors() int { return runtime.GOMAXPROCS(0) }

// processFigures reads everything but the processor use, which needs the past.
func processFigures(dataDir string) Process {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/sched/pauses/total/gc:seconds"},
	}
	metrics.Read(samples)
	f := Process{
		CPUs: processors(), Goroutines: runtime.NumGoroutine(), GoVersion: runtime.Version(),
		Heap:    int64(samples[0].Value.Uint64()),
		GCShare: per(samples[1].Value.Float64(), samples[2].Value.Float64()),
		GCPause: histogramQuantile(samples[3].Value.Float64Histogram(), 0.99),
		RSS:     residentBytes(),
		Files:   openFiles(), FilesBound: filesBound(),
		DiskFree: -1, DiskSize: -1,
	}
	if dataDir != "" {
		f.DiskFree, f.DiskSize = diskSpace(dataDir)
	}
	return f
}

// histogramQuantile gives the upper bound of the bucket in which the share q lies.
func histogramQuantile(h *metrics.Float64Histogram, q float64) float64 {
	var total uint64
	for _, n := range h.Counts {
		total += n
	}
	var below uint64
	for i, n := range h.Counts {
		below += n
		if total > 0 && float64(below) >= q*float64(total) {
			return h.Buckets[min(i+1, len(h.Buckets)-2)]
		}
	}
	return 0
}

// DiskFree gives the room on the disk of a folder, in bytes; negative where it is not known.
func DiskFree(dir string) int64 {
	free, _ := diskSpace(dir)
	return free
}
