// Command make writes the dashboards from the tables in this folder, one for each dashboard:
//
//	go run ./deploy/monitoring/make           # into deploy/monitoring/dashboards
//	go run ./deploy/monitoring/make -rules    # every query as a rule, for promtool
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

var boards = []board{overview, pipeline, edge, storage, servers, objectives}

func main() {
	dir := flag.String("to", "deploy/monitoring/dashboards", "the folder that is written to")
	rules := flag.Bool("rules", false, "print every query as a recording rule instead")
	flag.Parse()
	if err := run(*dir, *rules); err != nil {
		fmt.Fprintln(os.Stderr, "make the dashboards:", err)
		os.Exit(1)
	}
}

func run(dir string, rules bool) error {
	for _, b := range boards {
		if rules {
			fmt.Print(asRules(b))
			continue
		}
		raw, err := render(b)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, b.name+".json"), raw, 0o644); err != nil { //nolint:gosec // for all to read
			return fmt.Errorf("write a dashboard: %w", err)
		}
	}
	return nil
}

// render returns a dashboard's file.
func render(b board) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(build(b)); err != nil {
		return nil, fmt.Errorf("encode %s: %w", b.name, err)
	}
	return out.Bytes(), nil
}

// asRules makes a file of rules of a board's queries, with what Grafana puts in, so that
// promtool reads them.
func asRules(b board) string {
	var out strings.Builder
	if b.name == boards[0].name {
		out.WriteString("groups:\n")
	}
	fmt.Fprintf(&out, "  - name: %s\n    rules:\n", b.name)
	for _, p := range build(b).Panels {
		for _, t := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$__range", "3h", "$__interval", "1m").Replace(t.Expr)
			fmt.Fprintf(&out, "      - record: %s:panel%d:%s\n        expr: %q\n", b.name, p.ID, strings.ToLower(t.RefID), expr)
		}
	}
	return out.String()
}
