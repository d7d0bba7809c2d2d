package load

import (
	"runtime"
	"syscall"
	"time"
)

// pinned gives the goroutine a thread of its own until done is called.
func pinned() (done func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// nap sleeps more exactly than the runtime's timers, which round up to a millisecond.
func nap(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	syscall.Nanosleep(&t, nil) //nolint:errcheck // one that is cut short is taken again
}
