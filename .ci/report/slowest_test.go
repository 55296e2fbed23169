package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSlowest: the list has the slowest tests of all files in order, without subtests, packages and other lines, and
// has at most slowestTests entries.
func TestSlowest(t *testing.T) {
	write := func(name string, lines ...string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	many := make([]string, 0, slowestTests)
	for range slowestTests {
		many = append(many, `{"Action":"pass","Package":"p","Test":"TestQuick","Elapsed":0.1}`)
	}
	one := write("one.json", append(many,
		`{"Action":"run","Package":"p","Test":"TestSlow"}`,
		`{"Action":"pass","Package":"p","Test":"TestSlow/part","Elapsed":9}`,
		`{"Action":"pass","Package":"`+module+`p","Test":"TestSlow","Elapsed":2.5}`,
		`{"Action":"pass","Package":"p","Elapsed":99}`, `no event`)...)
	two := write("two.json", `{"Action":"fail","Package":"q","Test":"TestSlower","Elapsed":30}`)
	var out strings.Builder
	if err := slowest(&out, []string{one, two}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != slowestTests || lines[0] != "30.0 s  q TestSlower" || !strings.HasSuffix(lines[1], " 2.5 s  p TestSlow") {
		t.Fatalf("the list is\n%s", out.String())
	}
}
