package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
)

// version and revision are set by the linker for a release, and where the program is built
// without its repository: -X main.version=1.2.3 -X main.revision=0123abc.
var version, revision = "", ""

// build is what is known of how this program was made.
type build struct{ version, revision, goVersion string }

// thisBuild reads what the Go tools left in the program.
func thisBuild() build {
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

func versionCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := fmt.Fprintln(stdout, thisBuild()); err != nil {
				return fmt.Errorf("print the version: %w", err)
			}
			return nil
		},
	}
}

// buildMetric is always 1; its labels tell which version runs where.
func buildMetric() prometheus.Collector {
	b := thisBuild()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gochat_build_info", Help: "Always 1: which version of GoChat this is.",
		ConstLabels: prometheus.Labels{"version": b.version, "revision": b.revision, "go": b.goVersion},
	}, func() float64 { return 1 })
}
