package conform

import "go.yaml.in/yaml/v3"

// strict returns a contract's file with all objects closed: no member is allowed that the
// file does not name. The file itself leaves objects open, since clients have to accept new
// members; the strict form finds a member that the server sends and nobody documented.
func strict(text []byte) ([]byte, error) {
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	closeObjects(doc)
	return yaml.Marshal(doc)
}

// closeObjects sets additionalProperties to false in each schema that has properties and
// does not set it itself.
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
