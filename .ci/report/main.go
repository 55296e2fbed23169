// Command report reads `go test -json` output, prints failures with their
// output and one closing line, and fails when a test failed, when a test that
// needs a server was skipped (its reason names the GOCHAT_TEST_ variable that was
// not set), or when nothing ran. Further arguments are variables whose tests another
// step runs.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: report FILE [VARIABLE…]")
		os.Exit(2)
	}
	f, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer f.Close()
	passed, failed, skipped := 0, []string{}, []string{}
	output := map[string]*strings.Builder{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text()) // a build error is not JSON
			continue
		}
		id := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if output[id] == nil {
				output[id] = &strings.Builder{}
			}
			output[id].WriteString(e.Output)
		case "pass":
			if e.Test != "" {
				passed++
			}
		case "fail":
			failed = append(failed, id)
		case "skip":
			if e.Test != "" {
				skipped = append(skipped, id)
			}
		}
	}
	sort.Strings(failed)
	for _, id := range failed {
		fmt.Printf("\n--- FAIL %s\n", id)
		if o := output[id]; o != nil {
			fmt.Print(o.String())
		}
	}
	servers := 0
	for _, id := range skipped {
		reason := ""
		if o := output[id]; o != nil {
			reason = strings.TrimSpace(o.String())
		}
		later := slices.ContainsFunc(os.Args[2:], func(v string) bool { return strings.Contains(reason, v) })
		if strings.Contains(reason, "GOCHAT_TEST_") && !later {
			servers++
		}
		fmt.Printf("skipped: %s: %s\n", id, reason)
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", passed, len(failed), len(skipped))
	if len(failed) > 0 || servers > 0 || passed == 0 {
		os.Exit(1)
	}
}
