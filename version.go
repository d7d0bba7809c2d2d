package partita

import "runtime/debug"

// version is set by the linker where the version is not that of a module (see the Makefile).
var version string

// Version gives the version of Partita that the program was built with.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	const path = "github.com/partita-dev/partita"
	if info.Main.Path == path {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	return "unknown"
}
