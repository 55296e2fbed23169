package docs

import (
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// openAPI is the part of openapi.yaml that the page shows.
type openAPI struct {
	Info struct{ Version, Description string }
	Tags []struct{ Name, Description string }
	// Paths are path items in the order of the file.
	Paths      ordered
	Components struct {
		Schemas    ordered
		Parameters map[string]parameter
		Responses  map[string]response
	}
}

type parameter struct {
	Ref         string `yaml:"$ref"`
	Name        string
	In          string
	Required    bool
	Description string
	Schema      schema
}

type media struct {
	Content map[string]struct{ Schema schema }
}

type response struct {
	Ref         string `yaml:"$ref"`
	Description string
	media       `yaml:",inline"`
}

type operation struct {
	OperationID string `yaml:"operationId"`
	Summary     string
	Description string
	Tags        []string
	Security    *[]any
	Parameters  []parameter
	RequestBody *media `yaml:"requestBody"`
	Responses   ordered
}

// group is the calls of one tag.
type group struct {
	Name  string
	About template.HTML
	Calls []call
}

// call is one row of the HTTP part.
type call struct {
	ID, Method, Path, Summary string
	About                     []template.HTML
	// Public: it needs no token.
	Public  bool
	Params  []field
	Body    template.HTML
	Answers []reply
	// Refusals are the statuses of errors.
	Refusals []refusal
}

type reply struct {
	Status string
	Body   template.HTML
	About  template.HTML
}

type refusal struct{ Status, About string }

// readHTTP fills the page's HTTP part and returns the schemas that it has.
func (m *model) readHTTP(text []byte) (names, error) {
	var doc openAPI
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if len(doc.Paths) == 0 {
		return nil, errors.New("no paths")
	}
	m.Version, m.HTTP = doc.Info.Version, prose(doc.Info.Description)
	known := names{}
	for _, e := range doc.Components.Schemas {
		known[e.Name] = true
	}
	byTag := map[string][]call{}
	for _, item := range doc.Paths {
		var methods ordered
		if err := item.Node.Decode(&methods); err != nil {
			return nil, fmt.Errorf("%s: %w", item.Name, err)
		}
		for _, method := range methods {
			var op operation
			if err := method.Node.Decode(&op); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method.Name, item.Name, err)
			}
			c, err := doc.call(known, &op)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method.Name, item.Name, err)
			}
			c.Method, c.Path = strings.ToUpper(method.Name), item.Name
			for _, tag := range op.Tags {
				byTag[tag] = append(byTag[tag], c)
			}
		}
	}
	for _, tag := range doc.Tags {
		m.Groups = append(m.Groups, group{Name: tag.Name, About: inline(tag.Description), Calls: byTag[tag.Name]})
	}
	return known, m.readObjects(known, doc.Components.Schemas)
}

func (d *openAPI) call(known names, op *operation) (call, error) {
	c := call{ID: op.OperationID, Summary: op.Summary, About: prose(op.Description), Public: op.Security != nil && len(*op.Security) == 0}
	for _, p := range op.Parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[last(p.Ref)]
		}
		about := p.Description
		if p.In == "path" {
			about = strings.TrimSpace("In the path. " + about)
		}
		c.Params = append(c.Params, field{Name: p.Name, Type: known.kind(&p.Schema), Required: p.Required, About: inline(about)})
	}
	if op.RequestBody != nil {
		c.Body = known.body(*op.RequestBody)
	}
	for _, e := range op.Responses {
		var r response
		if err := e.Node.Decode(&r); err != nil {
			return c, fmt.Errorf("answer %s: %w", e.Name, err)
		}
		if r.Ref != "" {
			r = d.Components.Responses[last(r.Ref)]
		}
		if e.Name >= "400" && strings.Contains(string(known.body(r.media)), "#Error") {
			c.Refusals = append(c.Refusals, refusal{e.Name, r.Description})
			continue
		}
		c.Answers = append(c.Answers, reply{Status: e.Name, Body: known.body(r.media), About: inline(r.Description)})
	}
	return c, nil
}

// body says what a body is, whatever its media type.
func (n names) body(m media) template.HTML {
	for _, one := range m.Content {
		return n.kind(&one.Schema)
	}
	return ""
}

// readObjects fills the page's list of objects, by name.
func (m *model) readObjects(known names, schemas ordered) error {
	for _, e := range schemas {
		var s schema
		if err := e.Node.Decode(&s); err != nil {
			return fmt.Errorf("schema %s: %w", e.Name, err)
		}
		o := object{Name: e.Name, About: prose(s.Description)}
		var err error
		if o.Fields, err = known.fields(&s); err != nil {
			return fmt.Errorf("schema %s: %w", e.Name, err)
		}
		if len(o.Fields) == 0 {
			o.Type = known.kind(&s)
			if s.Pattern != "" {
				o.Type += inline(" like `" + s.Pattern + "`")
			}
		}
		if o.Example, err = text(&s.Example); err != nil {
			return fmt.Errorf("example of %s: %w", e.Name, err)
		}
		m.Objects = append(m.Objects, o)
	}
	slices.SortFunc(m.Objects, func(a, b object) int { return strings.Compare(a.Name, b.Name) })
	return nil
}
