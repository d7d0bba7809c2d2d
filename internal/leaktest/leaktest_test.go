package leaktest

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	Exit(code, "leaktest.waits")
	os.Exit(1) // it has ended before
}

func waits(begun, until chan struct{}) { close(begun); <-until }

// What is left behind is shown; what is somebody else's, or ends in time, is not.
func TestGoroutinesThatAreLeftBehind(t *testing.T) {
	begun, until := make(chan struct{}), make(chan struct{})
	go waits(begun, until)
	<-begun
	if stacks := left([]string{"leaktest.waits"}, time.Millisecond); len(stacks) != 1 || !strings.Contains(stacks[0], "leaktest.waits(") {
		t.Errorf("%q", stacks)
	}
	if stacks := left([]string{"leaktest.other"}, time.Millisecond); stacks != nil {
		t.Errorf("%q", stacks)
	}
	close(until)
	if stacks := left([]string{"leaktest.waits"}, patience); stacks != nil {
		t.Errorf("%q", stacks)
	}
}
