package vectors

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// vars are the variables of a scenario.
type vars map[string]any

var variable = regexp.MustCompile(`\$\{([A-Za-z0-9_.]+)\}`)

// text replaces the variables in a string.
func (v vars) text(s string) (string, error) {
	var missing error
	out := variable.ReplaceAllStringFunc(s, func(m string) string {
		name := m[2 : len(m)-1]
		value, ok := v[name]
		if !ok {
			missing = fmt.Errorf("nothing was captured as %s", m)
		}
		return printed(value)
	})
	return out, missing
}

// printed formats a value within a text.
func printed(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// expand replaces variables and generators in a JSON value. A string that is only one
// variable becomes the variable's value with its type, such as a number.
func (v vars) expand(value any) (any, error) {
	switch x := value.(type) {
	case string:
		if m := variable.FindString(x); m != "" && m == x {
			if one, ok := v[m[2:len(m)-1]]; ok {
				return one, nil
			}
		}
		return v.text(x)
	case []any:
		out := make([]any, len(x))
		for i := range x {
			var err error
			if out[i], err = v.expand(x[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		return v.object(x)
	}
	return value, nil
}

func (v vars) object(x map[string]any) (any, error) {
	out := make(map[string]any, len(x))
	for name, value := range x {
		key, err := v.text(name)
		if err != nil {
			return nil, err
		}
		if out[key], err = v.expand(value); err != nil {
			return nil, err
		}
	}
	times, _ := out["times"].(float64)
	if text, ok := out["$repeat"].(string); ok {
		return strings.Repeat(text, int(times)), nil
	}
	if one, ok := out["$list"]; ok {
		list := make([]any, int(times))
		for i := range list {
			list[i] = one
		}
		return list, nil
	}
	if inner, ok := out["$text"]; ok {
		text, err := json.Marshal(inner)
		return string(text), err
	}
	return out, nil
}

// capture sets variables to the parts of a value that JSON pointers name.
func (v vars) capture(pointers map[string]string, value any) error {
	for name, pointer := range pointers {
		found, err := at(value, pointer)
		if err != nil {
			return fmt.Errorf("capture %s: %w", name, err)
		}
		v[name] = found
	}
	return nil
}

// at returns the part of a value that a JSON pointer names.
func at(value any, pointer string) (any, error) {
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		switch x := value.(type) {
		case map[string]any:
			next, ok := x[part]
			if !ok {
				return nil, fmt.Errorf("no %s on the way to %s", part, pointer)
			}
			value = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(x) {
				return nil, fmt.Errorf("no element %s on the way to %s", part, pointer)
			}
			value = x[i]
		default:
			return nil, fmt.Errorf("nothing below %s on the way to %s", part, pointer)
		}
	}
	return value, nil
}
