// Package leaktest ends the tests of a package, and fails them where goroutines are left behind.
package leaktest

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// patience is how long goroutines that are ending have for it, on a busy machine too.
const patience = time.Minute

// Exit ends the process with the code of a run of tests: with 1 where that is 0, but goroutines do not
// end whose stacks have one of the texts, such as the path of a package. It is called by TestMain alone.
func Exit(code int, texts ...string) {
	if code == 0 {
		if stacks := left(texts, patience); stacks != nil {
			fmt.Fprintln(os.Stderr, "goroutines were left behind:\n"+strings.Join(stacks, "\n\n"))
			code = 1
		}
	}
	os.Exit(code)
}

// left gives the stacks of goroutines that do not end. That of the tests' own is none of them.
func left(texts []string, patience time.Duration) (stacks []string) {
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		stacks = nil
		buf := make([]byte, 4<<20)
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if !strings.Contains(stack, "leaktest.Exit") && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(stack, text) }) {
				stacks = append(stacks, stack)
			}
		}
		if stacks == nil || time.Now().After(deadline) {
			return stacks
		}
	}
}
