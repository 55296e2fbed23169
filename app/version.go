package app

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// version and revision are set by the linker for releases and for builds outside the repository, with
// -X github.com/gochat/gochat/app.version=1.2.3 and the same for app.revision.
var version, revision = "", ""

// build identifies the build of this program.
type build struct{ version, revision, goVersion string }

// ThisBuild returns the version, revision and Go version of this program, from the linker's values and from what
// the Go tools recorded in it.
func ThisBuild() build {
	b := build{version: version, revision: cmp.Or(revision, "unknown"), goVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if ok {
		if b.version == "" {
			b.version = info.Main.Version
		}
		modified := false
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.revision = s.Value
			case "vcs.modified":
				modified = s.Value == "true"
			}
		}
		if modified {
			b.revision += "+changes"
		}
	}
	if b.version == "" || b.version == "(devel)" {
		b.version = "devel"
	}
	return b
}

func (b build) String() string {
	return fmt.Sprintf("gochat %s (revision %s, %s, %s/%s)", b.version, b.revision, b.goVersion, runtime.GOOS, runtime.GOARCH)
}

// buildMetric is always 1; its labels tell which version runs where.
func buildMetric(environment string) prometheus.Collector {
	b := ThisBuild()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gochat_build_info", Help: "Always 1: which version of GoChat this is, and of which environment.",
		ConstLabels: prometheus.Labels{"version": b.version, "revision": b.revision, "go": b.goVersion, "environment": environment},
	}, func() float64 { return 1 })
}
