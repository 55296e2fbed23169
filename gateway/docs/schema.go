package docs

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schema is the part of a JSON schema that the page shows.
type schema struct {
	Ref         string    `yaml:"$ref"`
	Type        types     `yaml:"type"`
	Description string    `yaml:"description"`
	Enum        []string  `yaml:"enum"`
	Const       string    `yaml:"const"`
	Pattern     string    `yaml:"pattern"`
	Required    []string  `yaml:"required"`
	Properties  ordered   `yaml:"properties"`
	Items       *schema   `yaml:"items"`
	OneOf       []schema  `yaml:"oneOf"`
	More        yaml.Node `yaml:"additionalProperties"`
	Minimum     *int64    `yaml:"minimum"`
	Maximum     *int64    `yaml:"maximum"`
	MinLength   *int64    `yaml:"minLength"`
	MaxLength   *int64    `yaml:"maxLength"`
	MaxItems    *int64    `yaml:"maxItems"`
	Default     *string   `yaml:"default"`
	Example     yaml.Node `yaml:"example"`
}

// types are the types that a value may have, one or a list of them.
type types []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *types) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		*t = types{n.Value}
		return nil
	}
	return n.Decode((*[]string)(t))
}

// plain is the first type that is not null, "null" when there is no other.
func (t types) plain() string {
	for _, one := range t {
		if one != "null" {
			return one
		}
	}
	return strings.Join(t, "")
}

// orNull says that null may stand where the value would.
func (t types) orNull() string {
	if len(t) > 1 && slices.Contains(t, "null") {
		return " or null"
	}
	return ""
}

// ordered is a mapping in the order of the file.
type ordered []entry

type entry struct {
	Name string
	Node *yaml.Node
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (o *ordered) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: not a mapping", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		*o = append(*o, entry{n.Content[i].Value, n.Content[i+1]})
	}
	return nil
}

// field is one line of an object's table.
type field struct {
	Name     string
	Type     template.HTML
	Required bool
	About    template.HTML
}

// object is a named schema.
type object struct {
	Name    string
	About   []template.HTML
	Type    template.HTML
	Fields  []field
	Example string
}

// last is the last part of a reference.
func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// names are the schemas that the page has a place for.
type names map[string]bool

// fields lists an object's properties.
func (n names) fields(s *schema) ([]field, error) {
	var out []field
	for _, e := range s.Properties {
		var p schema
		if err := e.Node.Decode(&p); err != nil {
			return nil, fmt.Errorf("property %s: %w", e.Name, err)
		}
		f := field{Name: e.Name, Type: n.kind(&p), About: inline(p.Description)}
		for _, r := range s.Required {
			f.Required = f.Required || r == e.Name
		}
		out = append(out, f)
	}
	return out, nil
}

// kind says in words what a value is, with links to what it is made of.
func (n names) kind(s *schema) template.HTML {
	switch {
	case s.Ref != "" && n[last(s.Ref)]:
		name := template.HTMLEscapeString(last(s.Ref))
		return template.HTML(`<a href="#` + name + `">` + name + `</a>`) //nolint:gosec // escaped
	case s.Ref != "":
		return inline(last(s.Ref))
	case len(s.OneOf) > 0:
		parts := make([]string, 0, len(s.OneOf))
		for i := range s.OneOf {
			parts = append(parts, string(n.kind(&s.OneOf[i])))
		}
		return template.HTML(strings.Join(parts, " or ")) //nolint:gosec // of escaped parts
	case s.Const != "":
		return inline("`" + s.Const + "`")
	case len(s.Enum) > 0:
		return inline("`" + strings.Join(s.Enum, "` `") + "`")
	case s.Type.plain() == "array" && s.Items != nil:
		return "list of " + n.kind(s.Items) + inline(bounds(nil, s.MaxItems, " at most ", "")+s.Type.orNull())
	case s.Type.plain() == "object" && s.More.Kind == yaml.MappingNode:
		var of schema
		if s.More.Decode(&of) == nil {
			return "object of " + n.kind(&of)
		}
	}
	bound := bounds(s.Minimum, s.Maximum, "", "") + bounds(s.MinLength, s.MaxLength, "", " characters")
	return inline(s.Type.plain() + bound + s.Type.orNull() + orElse(s.Default))
}

func orElse(value *string) string {
	if value == nil {
		return ""
	}
	return ", default " + *value
}

// bounds renders the range from low to high; without an upper bound it is empty.
func bounds(low, high *int64, most, unit string) string {
	switch {
	case high == nil:
		return ""
	case most != "":
		return fmt.Sprint(",", most, *high, unit)
	case low == nil:
		return fmt.Sprint(", at most ", *high, unit)
	}
	return fmt.Sprint(", ", *low, "–", *high, unit)
}

// inline renders one line of prose: what is between backticks is code.
func inline(s string) template.HTML {
	parts := strings.Split(s, "`")
	var out strings.Builder
	for i, part := range parts {
		escaped := template.HTMLEscapeString(part)
		switch {
		case i%2 == 1 && i < len(parts)-1:
			escaped = "<code>" + escaped + "</code>"
		case i%2 == 1:
			escaped = "`" + escaped // opens nothing
		}
		out.WriteString(escaped)
	}
	return template.HTML(out.String()) //nolint:gosec // escaped
}

// prose renders a description, whose paragraphs have empty lines between them.
func prose(s string) []template.HTML {
	var out []template.HTML
	for p := range strings.SplitSeq(strings.TrimSpace(s), "\n\n") {
		if p != "" {
			out = append(out, inline(p))
		}
	}
	return out
}
