package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/storetest"
)

// childDir names the variable that makes this test binary a writer, which is killed.
const childDir = "PARTITA_KILLED_WRITER"

// beKilled writes into a store, and tells what was acknowledged, until it is killed.
func beKilled(dir string) int {
	m, err := model.Parse("contract.yaml", []byte(os.Getenv("PARTITA_KILLED_MODEL")), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s, err := Open(context.Background(), Config{Dir: dir, Model: m, WALBytes: 1 << 20})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var out sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), i, n)
				w := crashWrite(m, id, fmt.Sprint("p", rng.IntN(5)), rng)
				s.Commit(context.Background(), w)
				if w.Result.Err != nil {
					fmt.Fprintln(os.Stderr, w.Result.Err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(id, w.Partition.Value.Text(), w.Result.Version)
				out.Unlock()
			}
		})
	}
	wg.Wait()
	return 0
}

// TestKill kills a process in the middle of its writes, again and again on the same store.
func TestKill(t *testing.T) {
	times := 4
	if soak() {
		times = 50
	}
	m := storetest.Model(t)
	dir := t.TempDir()
	j := &journal{fates: map[string]fate{}}
	for i := range times {
		acknowledged := killOnce(t, dir, j, rand.IntN(400))
		s, err := Open(t.Context(), Config{Dir: dir, Model: m})
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		err = j.verify(s, m)
		s.Close()
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		t.Logf("kill %d: after %d acknowledged writes", i, acknowledged)
	}
}

// killOnce starts a writer, kills it after some acknowledgements, and notes them all.
func killOnce(t *testing.T, dir string, j *journal, after int) (acknowledged int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childDir+"="+dir, "PARTITA_KILLED_MODEL="+storetest.Source)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var id string
		var f fate
		line := lines.Text()
		if n, _ := fmt.Sscan(line, &id, &f.partition, &f.version); n != 3 || strings.Count(line, " ") != 2 {
			continue // cut off by the kill
		}
		j.note(id, f)
		if acknowledged++; acknowledged == after+1 {
			child.Process.Kill()
		}
	}
	if err := child.Wait(); err == nil || acknowledged == 0 {
		t.Fatalf("the writer ended by itself after %d writes: %v", acknowledged, err)
	}
	return acknowledged
}
