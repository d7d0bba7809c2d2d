//go:build !(linux || darwin || freebsd)

package observe

import "time"

// What is not known on this system is said to be unknown.

func cpuTime() time.Duration              { return 0 }
func residentBytes() int64                { return -1 }
func openFiles() int                      { return -1 }
func filesBound() int64                   { return -1 }
func diskSpace(string) (free, size int64) { return -1, -1 }
