// Command grafana checks dashboards against Grafana's schema, as its SDK has it:
//
//	grafana FILE…
//
// These are errors: an unknown field in a dashboard, a panel, its options or its queries; a value of
// a wrong type; a kind of panel that is not in panels.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// panels are the kinds of panels whose options are checked against their schemas.
var panels = map[string]bool{"row": true, "stat": true, "timeseries": true}

func main() {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	failed := len(os.Args) < 2
	if failed {
		fmt.Fprintln(os.Stderr, "usage: grafana FILE…")
	}
	for _, file := range os.Args[1:] {
		if err := check(file); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
	fmt.Printf("%d dashboards are as Grafana takes them\n", len(os.Args)-1)
}

func check(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var d dashboard.Dashboard
	err = d.UnmarshalJSONStrict(raw)
	var faults cog.BuildErrors // the SDK returns an empty list even when there is no error
	if err != nil && (!errors.As(err, &faults) || len(faults) > 0) {
		return err
	}
	var kinds struct {
		Panels []struct{ Title, Type string }
	}
	if err := json.Unmarshal(raw, &kinds); err != nil {
		return err
	}
	for _, p := range kinds.Panels {
		if !panels[p.Type] {
			return fmt.Errorf("panel %q is a %s, which is not checked: register its schema in .ci/grafana", p.Title, p.Type)
		}
	}
	return nil
}
