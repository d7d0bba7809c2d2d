package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/auth"
)

// TestManyFeeds holds many feeds open on one node, in a process of its own, and has each see what
// happens: 10,000 in the long form, which also keeps them open for longer than any request may take.
func TestManyFeeds(t *testing.T) {
	const inRoom = 100
	n, idle := 300, time.Duration(0)
	if soak() {
		n, idle = 10_000, 70*time.Second
	}
	p := &process{Source: chatModel(t), Dir: t.TempDir()}
	p.start(t)
	key, err := auth.DevKey(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := auth.Mint(key, map[string]any{"sub": "ann"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ann := "Bearer " + token
	rooms := make([]string, n/inRoom)
	for i := range rooms {
		rooms[i] = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		post(t, p.base, ann, "open_room", `{"room_id":"`+rooms[i]+`","title":"tea"}`)
	}
	before := p.resident(t)
	feeds := make([]*tail, n)
	for i := range feeds {
		feeds[i] = openFeed(t, p.base, ann, rooms[i%len(rooms)], "?after=1", "")
	}
	see := func(version uint64) {
		t.Helper()
		start := time.Now()
		for _, room := range rooms {
			post(t, p.base, ann, "post", `{"room_id":"`+room+`","text":"to all"}`)
		}
		for i, f := range feeds {
			if got := f.version(); got != version {
				t.Fatalf("feed %d sees version %d instead of %d", i, got, version)
			}
		}
		t.Logf("%d changes reached %d feeds in %v", len(rooms), n, time.Since(start).Round(time.Millisecond))
	}
	see(2)
	t.Logf("the node takes %.1f KiB for each of %d open feeds", float64(p.resident(t)-before)/float64(n)/1024, n)
	cpu := p.processor(t)
	wait(idle)
	if idle > 0 {
		t.Logf("the node used %.1f %% of a processor while nothing happened", 100*(p.processor(t)-cpu).Seconds()/idle.Seconds())
	}
	see(3)
}

// resident gives the memory of the process, in bytes.
func (p *process) resident(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	t.Fatal("the system does not tell the memory of a process")
	return 0
}

// processor gives the time that the process has computed.
func (p *process) processor(t *testing.T) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // ticks of 1/100 s
}
