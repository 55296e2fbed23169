package certs

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestKeysOpenToOthersAreNarrowed: a key that others could read, after a copy or by carelessness, is narrowed
// before it is read. A key that an operator placed may be readable by a group.
func TestKeysOpenToOthersAreNarrowed(t *testing.T) {
	dir := t.TempDir()
	m := mustMake(t, request(dir))
	caKey := filepath.Join(dir, caKeyFile)
	for _, file := range []string{m.Key, caKey} {
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(m.Files, noWarning(t)); err != nil {
		t.Fatal(err)
	}
	again := request(dir)
	again.Force = true
	again.Name = "two"
	mustMake(t, again)
	for file, want := range map[string]fs.FileMode{m.Key: 0o640, caKey: 0o600} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", file, info.Mode().Perm(), want)
		}
	}
}
