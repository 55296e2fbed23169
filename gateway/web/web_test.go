package web_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/gochat/gochat/gateway/web"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := fs.ReadFile(web.FS(), name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return string(b)
}

// The page and all that it names are in the binary, and nothing else is.
func TestEverythingNamedIsThere(t *testing.T) {
	named := map[string]bool{"index.html": true}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(read(t, "index.html"), -1) {
		name, found := strings.CutPrefix(m[1], "/")
		if !found {
			t.Errorf("index.html names %q, which is not on this server", m[1])
			continue
		}
		if !regexp.MustCompile(`^assets/\w+-[0-9a-f]{12}\.\w+$`).MatchString(name) {
			t.Errorf("%s may be cached for ever, but has no hash of its content in its name", name)
		}
		read(t, name)
		named[name] = true
	}
	if len(named) != 4 {
		t.Errorf("index.html names %d files, not a script, a style sheet and an icon", len(named)-1)
	}
	err := fs.WalkDir(web.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !named[path] {
			t.Errorf("%s is embedded, but nothing names it", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A strict Content-Security-Policy forbids code and style in the page itself.
func TestPageFitsAStrictPolicy(t *testing.T) {
	page := read(t, "index.html")
	for _, forbidden := range []string{`<style`, `style=`, `javascript:`, `http:`, `https:`} {
		if strings.Contains(page, forbidden) {
			t.Errorf("index.html has %q in it", forbidden)
		}
	}
	if m := regexp.MustCompile(`\son\w+=`).FindString(page); m != "" {
		t.Errorf("index.html has the event handler %q in it", m)
	}
	if m := regexp.MustCompile(`<script[^>]*>[^<]+`).FindString(page); m != "" {
		t.Errorf("index.html has the script %q in it", m)
	}
}

// Nothing is asked from elsewhere: no fonts, no style sheets, no pictures.
func TestNoRequestsToOtherHosts(t *testing.T) {
	err := fs.WalkDir(web.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".css") {
			return err
		}
		if m := regexp.MustCompile(`url\([^)]*\)|@import[^;]*`).FindString(read(t, path)); m != "" {
			t.Errorf("%s asks for %s", path, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
