// Command report reads `go test -json` output, prints failures with their
// output and one closing line, and fails when a test failed, when a test that
// needs a server was skipped (its reason names the GOCHAT_TEST_ variable that was
// not set), or when nothing ran. Further arguments are variables whose tests may be
// skipped, since another step runs them.
//
//	report FILE [VARIABLE…]
//	report -slowest FILE…     prints the slowest tests of all files instead
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// module is the prefix of package names, and longestLine bounds a line of output.
const (
	module      = "github.com/gochat/gochat/"
	longestLine = 16 << 20
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64 // in seconds
}

func main() {
	args := os.Args[1:]
	var err error
	fine := true
	switch {
	case len(args) > 1 && args[0] == "-slowest":
		err = slowest(os.Stdout, args[1:])
	case len(args) > 0 && args[0] != "-slowest":
		fine, err = report(args[0], args[1:])
	default:
		fmt.Fprintln(os.Stderr, "usage: report FILE [VARIABLE…] | report -slowest FILE…")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !fine {
		os.Exit(1)
	}
}

// results has the outcomes of the tests in a file.
type results struct {
	passed          int
	failed, skipped []string
	output          map[string]*strings.Builder
}

// report prints failed and skipped tests, and reports whether all is well.
func report(name string, later []string) (fine bool, err error) {
	r, err := read(name)
	if err != nil {
		return false, err
	}
	slices.Sort(r.failed)
	for _, id := range r.failed {
		fmt.Printf("\n--- FAIL %s\n%s", id, r.said(id))
	}
	servers := 0
	for _, id := range r.skipped {
		reason := strings.TrimSpace(r.said(id))
		elsewhere := slices.ContainsFunc(later, func(v string) bool { return strings.Contains(reason, v) })
		if strings.Contains(reason, "GOCHAT_TEST_") && !elsewhere {
			servers++
		}
		fmt.Printf("skipped: %s: %s\n", id, reason)
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", r.passed, len(r.failed), len(r.skipped))
	return len(r.failed) == 0 && servers == 0 && r.passed > 0, nil
}

// said returns the output of a test.
func (r *results) said(id string) string {
	if o := r.output[id]; o != nil {
		return o.String()
	}
	return ""
}

func read(name string) (*results, error) {
	r := &results{output: map[string]*strings.Builder{}}
	err := events(name, func(line string) { fmt.Println(line) }, func(e event) {
		id := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if r.output[id] == nil {
				r.output[id] = &strings.Builder{}
			}
			r.output[id].WriteString(e.Output)
		case "pass":
			if e.Test != "" {
				r.passed++
			}
		case "fail":
			r.failed = append(r.failed, id)
		case "skip":
			if e.Test != "" {
				r.skipped = append(r.skipped, id)
			}
		}
	})
	return r, err
}

// events calls back for each event of a file, and for each line that is not JSON, such as a build error.
func events(name string, other func(line string), take func(event)) error {
	f, err := os.Open(name) //nolint:gosec // the script names it
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // the file was only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			other(lines.Text())
			continue
		}
		take(e)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}
