// Command licenses checks the licenses of every Go module in the program and its tests against a list
// of allowed ones, and prints each module with its licenses. The license of a package is the license
// file nearest to it, up to the top of its module. A text that is not recognized is refused like a
// license that is not allowed. With a second argument it writes all texts to that file, since they
// have to be distributed with the program.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/licensecheck"
)

// recognized is the percentage of a license file that has to match a known license. The rest is names,
// years and words around it.
const recognized = 75

var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-._].*)?$`)

func main() {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, w io.Writer) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("usage: licenses ALLOWED [NOTICES]")
	}
	allowed, err := readAllowed(args[0])
	if err != nil {
		return err
	}
	places, err := packages(ctx)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		return errors.New("go list names no module of others: nothing was looked at")
	}
	var wrong []error
	var notices strings.Builder
	for _, module := range slices.Sorted(maps.Keys(places)) {
		found, err := licensesOf(places[module], allowed, module, &notices)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", module, err))
			continue
		}
		if _, err := fmt.Fprintf(w, "%-70s %s\n", module, strings.Join(found, " ")); err != nil {
			return fmt.Errorf("print the licenses: %w", err)
		}
	}
	if len(args) == 2 && len(wrong) == 0 {
		if err := os.WriteFile(args[1], []byte(notices.String()), 0o644); err != nil { //nolint:gosec // for everybody
			return fmt.Errorf("write the notices: %w", err)
		}
	}
	return errors.Join(wrong...)
}

// readAllowed reads the list of allowed licenses: each line begins with an SPDX identifier or the SHA-256 of a text.
func readAllowed(path string) (map[string]bool, error) {
	f, err := os.Open(path) //nolint:gosec // named by who runs this
	if err != nil {
		return nil, fmt.Errorf("read which licenses are allowed: %w", err)
	}
	defer f.Close()
	allowed := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			allowed[words[0]] = true
		}
	}
	return allowed, nil
}

// place is a package's directory, and the top of its module.
type place struct{ dir, top string }

// packages returns the third-party packages that are linked into the program on all release platforms,
// and into its tests on this platform, by "module version".
func packages(ctx context.Context) (map[string][]place, error) {
	places := map[string][]place{}
	for _, list := range []struct {
		env  string
		args []string
	}{
		{"", []string{"-test", "./..."}},
		{"GOOS=linux", []string{"."}},
		{"GOOS=darwin", []string{"."}},
	} {
		cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-deps", "-json=Dir,Module"}, list.args...)...) //nolint:gosec // ours
		cmd.Env = append(os.Environ(), list.env)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("ask go list for the packages (%s): %w", cmd, err)
		}
		if err := collect(string(out), places); err != nil {
			return nil, err
		}
	}
	return places, nil
}

func collect(listed string, places map[string][]place) error {
	for dec := json.NewDecoder(strings.NewReader(listed)); ; {
		var p struct {
			Dir    string
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what go list says: %w", err)
		}
		if p.Module == nil || p.Module.Main {
			continue // the standard library, and our own packages
		}
		name := p.Module.Path + " " + p.Module.Version
		places[name] = append(places[name], place{p.Dir, p.Module.Dir})
	}
}

// licensesOf returns the licenses of a module's packages and adds their texts to notices. It returns
// an error that names the file when a license is missing, unknown or not allowed.
func licensesOf(places []place, allowed map[string]bool, module string, notices *strings.Builder) ([]string, error) {
	found, looked := map[string]bool{}, map[string]bool{}
	for _, p := range places {
		files, err := nearest(p)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if looked[file] {
				continue
			}
			looked[file] = true
			text, err := os.ReadFile(file) //nolint:gosec // of the module cache
			if err != nil {
				return nil, fmt.Errorf("read a license: %w", err)
			}
			ids, err := identify(text, allowed)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			for _, id := range ids {
				found[id] = true
			}
			fmt.Fprintf(notices, "== %s, %s\n\n%s\n\n", module, strings.TrimPrefix(file, p.top+"/"), text)
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// nearest returns the license files that apply to a package.
func nearest(p place) ([]string, error) {
	for dir := p.dir; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("look for the license of %s: %w", p.dir, err)
		}
		var files []string
		for _, e := range entries {
			if e.Type().IsRegular() && licenseFile.MatchString(e.Name()) && !strings.HasSuffix(e.Name(), ".go") {
				files = append(files, filepath.Join(dir, e.Name()))
			}
		}
		if len(files) > 0 {
			return files, nil
		}
		if dir == p.top || !strings.HasPrefix(dir, p.top) {
			return nil, fmt.Errorf("no license file from %s up to %s", p.dir, p.top)
		}
	}
}

// identify returns the allowed licenses in a text.
func identify(text []byte, allowed map[string]bool) ([]string, error) {
	sum := fmt.Sprintf("%x", sha256.Sum256(text))
	if allowed[sum] {
		return []string{"(read)"}, nil
	}
	coverage := licensecheck.Scan(text)
	if coverage.Percent < recognized {
		return nil, fmt.Errorf("no license that is known (%.0f%% of its text is); read it, and where it may be, allow its SHA-256 %s", coverage.Percent, sum)
	}
	var ids []string
	for _, m := range coverage.Match {
		if !allowed[m.ID] {
			return nil, fmt.Errorf("%s is not among the allowed licenses: go without the module, or decide on it and allow it", m.ID)
		}
		ids = append(ids, m.ID)
	}
	return ids, nil
}
