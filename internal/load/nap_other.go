//go:build !linux

package load

import "time"

// pinned does nothing here.
func pinned() (done func()) { return func() {} }

func nap(d time.Duration) { time.Sleep(d) }
