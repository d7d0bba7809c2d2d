package local_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/local"
)

const crashEnv = "PARTITA_LOCAL_CRASH"

func TestMain(m *testing.M) {
	if os.Getenv(crashEnv) != "" {
		crash()
	}
	if os.Getenv(portsEnv) != "" {
		takePorts()
		return
	}
	os.Exit(m.Run())
}

// crash starts servers, says where they are, and panics.
func crash() {
	p, err := local.StartPostgres("")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	r, err := local.StartRedis()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("at", p.Addr(), r.Addr())
	panic("as tests do")
}

// Servers do not outlive a program that crashes.
func TestServersEndWithAProgramThatPanics(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("only Linux can do that")
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashEnv+"=1", "TMPDIR="+shared(t))
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "as tests do") {
		t.Fatalf("%v: %s", err, out)
	}
	_, line, _ := strings.Cut(string(out), "at ")
	line, _, _ = strings.Cut(line, "\n")
	for address := range strings.FieldsSeq(line) {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) { // the end of another's child has no signal
			c, err := net.Dial("tcp", address)
			if err != nil {
				break
			}
			c.Close()
			if time.Now().After(deadline) {
				t.Fatalf("%s still answers", address)
			}
		}
	}
}

// shared gives a folder for temporary files that servers of another user may look into.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "partita-crash")
	if err == nil {
		err = os.Chmod(dir, 0o755) //nolint:gosec // a server that runs as another user has its folder there
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Log(err) // a server that is ending may write a last file
		}
	})
	return dir
}

// A server that is killed, stopped or frozen comes back, and to kill one twice does nothing.
func TestServersComeBack(t *testing.T) {
	r, err := local.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Remove)
	for range 2 {
		r.Freeze()
		r.Thaw()
		r.Kill()
		r.Kill()
		r.Freeze()
		r.Thaw()
		if _, err := r.Do("PING"); err == nil {
			t.Error("a killed server answers")
		}
		if err := r.Run(); err != nil {
			t.Fatal(err)
		}
		if said, err := r.Do("PING"); said != "PONG" {
			t.Error(said, err)
		}
	}
	if _, err := local.StartRedis("--no-such-option", "x"); err == nil || !strings.Contains(err.Error(), "it has ended") {
		t.Errorf("a server that cannot start: %v", err)
	}
}
