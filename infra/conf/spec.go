package conf

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Spec describes one setting.
type Spec struct {
	// Path is the key in a file.
	Path string
	// About says in a sentence or two what the setting is for, and what special values mean.
	About string
	// Min and Max bound a number or a time, both included; they have the value's type (int for whole
	// numbers). nil: the setting is not a number.
	Min, Max any
	// NoZero refuses 0 even if it is between Min and Max.
	NoZero bool
	// Unit is what a number counts, in the plural. Times have none: their text has it.
	Unit string
	// Default describes a default that depends on the machine; empty: it does not.
	Default string
	// Reloads: a change takes effect while the process runs.
	Reloads bool
	// Local: the setting is one process's own, or needed before shared values can be read, so that a shared
	// value for it is refused.
	Local bool
}

// Range prints the bounds, empty when there are none.
func (s Spec) Range() string {
	if s.Min == nil {
		return ""
	}
	text := Format(s.Min) + " to " + Format(s.Max)
	if s.NoZero {
		text += ", not 0"
	}
	return text
}

// CheckShared refuses shared values of settings that are Local.
func CheckShared(shared map[string]string, specs []Spec) error {
	var errs []error
	for _, s := range specs {
		if _, there := shared[s.Path]; there && s.Local {
			errs = append(errs, fmt.Errorf("%w: %s is each process's own; set it by its flag, environment or file", ErrShared, s.Path))
		}
	}
	return errors.Join(errs...)
}

// Check compares the values of a configuration struct (a pointer to it) with the specifications, and names
// each setting that is out of its range.
func Check(cfg any, specs []Spec) error {
	byPath := index(specs)
	var errs []error
	for _, k := range Keys("", cfg) {
		if s := byPath[k.Path]; s.Min != nil && isNumber(k.Default) {
			errs = append(errs, s.check(k.Default))
		}
	}
	return errors.Join(errs...)
}

func index(specs []Spec) map[string]Spec {
	byPath := make(map[string]Spec, len(specs))
	for _, s := range specs {
		byPath[s.Path] = s
	}
	return byPath
}

// Complete names settings without a specification, or with one that does not fit, and specifications without
// a setting. It is for tests: a server does not fail to start for want of a description.
func Complete(cfg any, specs []Spec) error {
	byPath := index(specs)
	var errs []error
	for _, k := range Keys("", cfg) {
		s, there := byPath[k.Path]
		delete(byPath, k.Path)
		switch {
		case !there:
			errs = append(errs, fmt.Errorf("%s: has no specification", k.Path))
		case (s.Min != nil) != isNumber(k.Default) || s.About == "":
			errs = append(errs, fmt.Errorf("%s: its specification has no description, or bounds of another kind", k.Path))
		case (s.Unit != "") != (isNumber(k.Default) && !isTime(k.Default)):
			errs = append(errs, fmt.Errorf("%s: a number needs a unit, and nothing else has one", k.Path))
		}
	}
	for path := range byPath {
		errs = append(errs, fmt.Errorf("%s: there is no such setting", path))
	}
	return errors.Join(errs...)
}

func (s Spec) check(value any) error {
	var within bool
	if f, ok := value.(float64); ok {
		low, _ := s.Min.(float64)
		high, _ := s.Max.(float64)
		within = f >= low && f <= high
	} else {
		n := whole(value)
		within = n >= whole(s.Min) && n <= whole(s.Max) && (n != 0 || !s.NoZero)
	}
	if within {
		return nil
	}
	about, _, _ := strings.Cut(strings.TrimSuffix(s.About, "."), ";")
	return fmt.Errorf("%s %s: must be %s (%s)", s.Path, Format(value), s.Range(), about)
}

func isNumber(v any) bool {
	_, isFloat := v.(float64)
	return isFloat || reflect.ValueOf(v).CanInt()
}

func isTime(v any) bool { _, is := v.(time.Duration); return is }

func whole(v any) int64 { return reflect.ValueOf(v).Int() }

// Changed returns the paths of the settings whose values differ between two
// configurations of one type (pointers to structs), sorted.
func Changed(before, after any) []string {
	was, is := Keys("", before), Keys("", after)
	var out []string
	for i, k := range is {
		if !reflect.DeepEqual(was[i].Default, k.Default) {
			out = append(out, k.Path)
		}
	}
	return out
}

// Take copies the values of the settings named by paths from one configuration to another (pointers to
// structs of one type).
func Take(into, from any, paths []string) {
	wanted := make(map[string]bool, len(paths))
	for _, p := range paths {
		wanted[p] = true
	}
	values := map[string]reflect.Value{}
	walk(reflect.ValueOf(from).Elem(), "", func(path string, _ reflect.StructField, v reflect.Value) { values[path] = v })
	walk(reflect.ValueOf(into).Elem(), "", func(path string, _ reflect.StructField, v reflect.Value) {
		if wanted[path] {
			v.Set(values[path])
		}
	})
}
