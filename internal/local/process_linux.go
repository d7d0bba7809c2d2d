package local

import "syscall"

// tie has a server killed when the thread that started it ends.
func tie(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
