package conform

import "go.yaml.in/yaml/v3"

// strict returns a contract's file in which no object has a member that the file does not
// name. Clients are told that objects may grow, so the file itself leaves them open; the
// server is held to the strict form, so that it cannot send what nobody wrote down.
func strict(text []byte) ([]byte, error) {
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	closeObjects(doc)
	return yaml.Marshal(doc)
}

// closeObjects forbids further members in each schema that lists properties and does not
// say itself what else there may be.
func closeObjects(node any) {
	switch n := node.(type) {
	case []any:
		for _, one := range n {
			closeObjects(one)
		}
	case map[string]any:
		_, lists := n["properties"].(map[string]any)
		if _, says := n["additionalProperties"]; lists && !says && n["type"] == "object" {
			n["additionalProperties"] = false
		}
		for _, one := range n {
			closeObjects(one)
		}
	}
}
