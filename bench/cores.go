package main

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// The cores of an overload: the server has one to itself and the load another. On cores that they share
// the load would take from the server the more, the more is asked for, and the table would show that.
const (
	serverCore = 0
	loadCore   = 1
)

// apart tells whether there are cores enough.
func apart() bool { return runtime.NumCPU() > loadCore }

type coreSet [16]uint64 // a bit for each core, as the kernel has it

func oneCore(n int) (s coreSet) {
	s[n/64] = 1 << (n % 64)
	return s
}

// coresOf gives the cores of a thread; 0 is the calling one.
func coresOf(thread int) (s coreSet) {
	syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, uintptr(thread), unsafe.Sizeof(s), uintptr(unsafe.Pointer(&s)))
	return s
}

func setCores(thread int, s coreSet) {
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(thread), unsafe.Sizeof(s), uintptr(unsafe.Pointer(&s)))
}

// onCore does what starts a process, so that the process has one core. Its Go runtime finds one then.
func onCore(n int, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := coresOf(0)
	defer setCores(0, before)
	setCores(0, oneCore(n))
	return start()
}

// keepTo keeps this whole process to one core until the result is called. Threads that are made
// meanwhile are made by others that are there.
func keepTo(n int) (free func()) {
	before := coresOf(0)
	all := func(s coreSet) {
		for range 2 { // one may be made while the others are looked at
			threads, _ := os.ReadDir("/proc/self/task")
			for _, t := range threads {
				if id, err := strconv.Atoi(t.Name()); err == nil {
					setCores(id, s)
				}
			}
		}
	}
	all(oneCore(n))
	return func() { all(before) }
}
