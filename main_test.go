package partita_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails when an App leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := goroutinesLeft(); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines were left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// goroutinesLeft gives the stacks of goroutines that run our code, or serve for it, and do not end.
func goroutinesLeft() string {
	var left []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		buf := make([]byte, 1<<20)
		left = nil
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			ours := strings.Contains(stack, "partita-dev/partita") || strings.Contains(stack, "net/http.")
			if ours && !strings.Contains(stack, "goroutinesLeft") {
				left = append(left, stack)
			}
		}
		if left == nil {
			return ""
		}
	}
	return strings.Join(left, "\n\n")
}
