package docs

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// exampleWidth is how many characters a line of an example may have, so that it fits on a phone.
const exampleWidth = 60

// text renders a value of the file as JSON, in the file's order and on one line where it
// fits; "" when there is none.
func text(n *yaml.Node) (string, error) {
	if n.IsZero() {
		return "", nil
	}
	return layOut(n, "")
}

func layOut(n *yaml.Node, indent string) (string, error) {
	var open, end string
	var parts []string
	deeper := indent + "  "
	switch n.Kind {
	case yaml.MappingNode:
		open, end = "{", "}"
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, err := json.Marshal(n.Content[i].Value)
			if err != nil {
				return "", err
			}
			value, err := layOut(n.Content[i+1], deeper)
			if err != nil {
				return "", err
			}
			parts = append(parts, string(name)+": "+value)
		}
	case yaml.SequenceNode:
		open, end = "[", "]"
		for _, one := range n.Content {
			value, err := layOut(one, deeper)
			if err != nil {
				return "", err
			}
			parts = append(parts, value)
		}
	default:
		return scalar(n)
	}
	if line := open + strings.Join(parts, ", ") + end; len(line)+len(indent) <= exampleWidth && !strings.Contains(line, "\n") {
		return line, nil
	}
	return open + "\n" + deeper + strings.Join(parts, ",\n"+deeper) + "\n" + indent + end, nil
}

func scalar(n *yaml.Node) (string, error) {
	var v any
	if err := n.Decode(&v); err != nil {
		return "", fmt.Errorf("line %d: %w", n.Line, err)
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("line %d: %w", n.Line, err)
	}
	return strings.TrimSpace(out.String()), nil
}
