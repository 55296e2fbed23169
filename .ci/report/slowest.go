package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// slowestTests is how many tests the list of the slowest ones has.
const slowestTests = 10

// timed is a test with the seconds that it ran.
type timed struct {
	name string
	took float64
}

// slowest prints the slowest tests of several files of `go test -json` output. Subtests are left out, since their
// time is a part of their test's.
func slowest(w io.Writer, files []string) error {
	var all []timed
	for _, name := range files {
		err := events(name, func(string) {}, func(e event) {
			ended := e.Action == "pass" || e.Action == "fail"
			if ended && e.Test != "" && !strings.Contains(e.Test, "/") {
				all = append(all, timed{strings.TrimPrefix(e.Package, module) + " " + e.Test, e.Elapsed})
			}
		})
		if err != nil {
			return err
		}
	}
	slices.SortStableFunc(all, func(a, b timed) int { return cmp.Compare(b.took, a.took) })
	for _, t := range all[:min(len(all), slowestTests)] {
		if _, err := fmt.Fprintf(w, "%8.1f s  %s\n", t.took, t.name); err != nil {
			return err
		}
	}
	return nil
}
