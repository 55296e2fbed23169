package vectors

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
)

// absent is the value of a field that an object does not have.
type absent struct{}

// match returns an error with the place where got does not match want. Objects are
// compared by the fields of want, lists by every element; an object with a field $NAME
// is a matcher.
func match(want, got any) error { return matchAt("", want, got) }

func matchAt(path string, want, got any) error {
	switch w := want.(type) {
	case map[string]any:
		for name := range w {
			if name[0] == '$' {
				return matcher(path, w, got)
			}
		}
		g, ok := got.(map[string]any)
		if !ok {
			return mismatch(path, "an object", got)
		}
		for name, value := range w {
			var there any = absent{}
			if v, ok := g[name]; ok {
				there = v
			}
			if err := matchAt(path+"/"+name, value, there); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return mismatch(path, fmt.Sprintf("a list of %d: %s", len(w), show(w)), got)
		}
		for i := range w {
			if err := matchAt(fmt.Sprintf("%s/%d", path, i), w[i], g[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if !reflect.DeepEqual(want, got) {
		return mismatch(path, show(want), got)
	}
	return nil
}

func mismatch(path, want string, got any) error {
	if path == "" {
		path = "/"
	}
	return fmt.Errorf("%s: want %s, got %s", path, want, show(got))
}

func show(v any) string {
	if _, ok := v.(absent); ok {
		return "nothing"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// matcher applies the matcher w.
func matcher(path string, w map[string]any, got any) error {
	_, missing := got.(absent)
	switch {
	case w["$absent"] != nil:
		if !missing {
			return mismatch(path, "nothing", got)
		}
		return nil
	case missing:
		return mismatch(path, show(w), got)
	case w["$any"] != nil:
		return nil
	case w["$regex"] != nil:
		pattern, _ := w["$regex"].(string)
		text, ok := got.(string)
		found, err := regexp.MatchString(pattern, text)
		if err != nil || !ok || !found {
			return mismatch(path, show(w), got)
		}
		return nil
	case w["$number"] != nil:
		return number(path, w, got)
	case w["$json"] != nil:
		var inner any
		text, ok := got.(string)
		if !ok || json.Unmarshal([]byte(text), &inner) != nil {
			return mismatch(path, "JSON text", got)
		}
		return matchAt(path+"(JSON)", w["$json"], inner)
	case w["$not"] != nil:
		if matchAt(path, w["$not"], got) == nil {
			return mismatch(path, show(w), got)
		}
		return nil
	}
	return list(path, w, got)
}

// number matches {"$number": {"min": 1, "max": 2}}.
func number(path string, w map[string]any, got any) error {
	bounds, _ := w["$number"].(map[string]any)
	n, ok := got.(float64)
	low, hasLow := bounds["min"].(float64)
	high, hasHigh := bounds["max"].(float64)
	if !ok || hasLow && n < low || hasHigh && n > high {
		return mismatch(path, show(w), got)
	}
	return nil
}

// list applies the matchers of lists.
func list(path string, w map[string]any, got any) error {
	g, ok := got.([]any)
	if !ok {
		return mismatch(path, "a list", got)
	}
	if n, ok := w["$length"].(float64); ok {
		if len(g) != int(n) {
			return mismatch(path, show(w), got)
		}
		return nil
	}
	if wants, ok := w["$unordered"].([]any); ok {
		if len(wants) != len(g) {
			return mismatch(path, show(w), got)
		}
		return contains(path, wants, g)
	}
	if wants, ok := w["$contains"].([]any); ok {
		return contains(path, wants, g)
	}
	if unwanted, ok := w["$without"]; ok {
		for _, one := range g {
			if match(unwanted, one) == nil {
				return mismatch(path, show(w), got)
			}
		}
		return nil
	}
	return fmt.Errorf("%s: there is no matcher like %s", path, show(w))
}

// contains checks that each wanted element matches another element of got, in any order.
func contains(path string, wants, got []any) error {
	taken := make([]bool, len(got))
next:
	for _, want := range wants {
		for i, one := range got {
			if !taken[i] && match(want, one) == nil {
				taken[i] = true
				continue next
			}
		}
		return mismatch(path, "an element like "+show(want), got)
	}
	return nil
}
