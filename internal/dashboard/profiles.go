package dashboard

import (
	"fmt"
	"net/http"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Profiles are served by hand, since net/http/pprof would put them on the process' default mux,
// which an embedding program may serve to the world.

// longestProfile bounds a recording over time.
const longestProfile = 5 * time.Minute

func listProfiles(w http.ResponseWriter, r *http.Request) {
	var text strings.Builder
	text.WriteString("Profiles of this process. Look at one with\n\n")
	fmt.Fprintf(&text, "  go tool pprof http://%s/debug/pprof/profile?seconds=10\n\n", r.Host)
	text.WriteString("profile?seconds=10   where processor time goes\ntrace?seconds=2      execution, for go tool trace\n")
	all := pprof.Profiles()
	slices.SortFunc(all, func(a, b *pprof.Profile) int { return strings.Compare(a.Name(), b.Name()) })
	for _, p := range all {
		fmt.Fprintf(&text, "%-20s %d now; ?debug=1 for text\n", p.Name(), p.Count())
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte(text.String()))
}

func serveProfile(w http.ResponseWriter, r *http.Request) {
	switch name := r.PathValue("name"); name {
	case "profile":
		record(w, r, 30*time.Second, func() error { return pprof.StartCPUProfile(w) }, pprof.StopCPUProfile)
	case "trace":
		record(w, r, time.Second, func() error { return trace.Start(w) }, trace.Stop)
	default:
		p := pprof.Lookup(name)
		if p == nil {
			http.Error(w, "There is no such profile; /debug/pprof/ lists them.", http.StatusNotFound)
			return
		}
		debug, _ := strconv.Atoi(r.URL.Query().Get("debug"))
		if debug > 0 {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		} else {
			attach(w, name)
		}
		p.WriteTo(w, debug)
	}
}

// record writes what happens in the time asked for, or until the caller goes.
func record(w http.ResponseWriter, r *http.Request, usual time.Duration, start func() error, stop func()) {
	length := usual
	if text := r.URL.Query().Get("seconds"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds > 0 && seconds <= longestProfile.Seconds()) {
			http.Error(w, fmt.Sprintf("Write seconds as a number up to %.0f.", longestProfile.Seconds()), http.StatusBadRequest)
			return
		}
		length = time.Duration(seconds * float64(time.Second))
	}
	attach(w, r.PathValue("name"))
	if err := start(); err != nil {
		w.Header().Del("Content-Disposition")
		http.Error(w, "Another recording is under way; try again when it is over.", http.StatusConflict)
		return
	}
	defer stop()
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

func attach(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}
