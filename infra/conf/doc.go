package conf

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// WriteTable writes a description of all settings as Markdown, one table for each
// section, from the specifications and the defaults in cfg (a pointer to a struct).
func WriteTable(w io.Writer, envPrefix string, cfg any, specs []Spec) error {
	byPath := index(specs)
	var b strings.Builder
	section := "."
	for _, k := range byDepth(Keys(envPrefix, cfg)) {
		if s := sectionOf(k.Path); s != section {
			section = s
			title := s
			if s == "" {
				title = "General"
			}
			fmt.Fprintf(&b, "\n## %s\n\n| setting | default | unit | range | reloads | |\n| --- | --- | --- | --- | --- | --- |\n", title)
		}
		b.WriteString(row(k, byPath[k.Path]))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the table of settings: %w", err)
	}
	return nil
}

// byDepth puts settings outside of sections before all others.
func byDepth(keys []Key) []Key {
	var first, rest []Key
	for _, k := range keys {
		if sectionOf(k.Path) == "" {
			first = append(first, k)
		} else {
			rest = append(rest, k)
		}
	}
	return append(first, rest...)
}

func sectionOf(path string) string {
	section, _, inside := strings.Cut(path, ".")
	if !inside {
		return ""
	}
	return section
}

func row(k Key, s Spec) string {
	value := "–"
	if text := Format(k.Default); text != "" && !k.Secret {
		value = "`" + text + "`"
	}
	if s.Default != "" {
		value = s.Default
	}
	bounds := strings.TrimSpace(s.Range())
	if bounds == "" {
		bounds = "–"
	}
	reloads := "no"
	if s.Reloads {
		reloads = "yes"
	}
	about := s.About
	if k.Secret {
		about += " Secret."
	}
	if s.Local {
		about += " Not from etcd."
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |\n", k.Path, value, unitOf(k.Default, s), bounds, reloads, strings.ReplaceAll(about, "|", `\|`))
}

// unitOf is the unit of a number, or the kind of any other value.
func unitOf(value any, s Spec) string {
	switch value.(type) {
	case time.Duration:
		return "time"
	case []string:
		return "list"
	case map[string]string:
		return "pairs"
	}
	switch {
	case s.Unit != "":
		return s.Unit
	case reflect.ValueOf(value).Kind() == reflect.Bool:
		return "true or false"
	}
	return "text"
}
