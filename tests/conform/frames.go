package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const (
	asyncFile = "asyncapi.yaml"
	// systemContent is the value of x-content-schema for the content of a system message.
	systemContent = "#/components/schemas/SystemContent"
)

// asyncDoc has the parts of the AsyncAPI file that lead to the schemas.
type asyncDoc struct {
	Operations map[string]struct {
		Action   string
		Messages []ref
	}
	Channels map[string]struct {
		Messages map[string]ref
	}
	Components struct {
		Messages map[string]struct{ Name string }
	}
}

type ref struct {
	To string `yaml:"$ref"`
}

// last returns the last part of the reference.
func (r ref) last() string { return r.To[strings.LastIndexByte(r.To, '/')+1:] }

// readFrames compiles the payload schema of each message of each direction.
func (c *Contract) readFrames(text []byte) error {
	var doc asyncDoc
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	open, err := compiler(text)
	if err != nil {
		return err
	}
	if text, err = strict(text); err != nil {
		return err
	}
	closed, err := compiler(text)
	if err != nil {
		return err
	}
	c.client, c.server = map[string]*jsonschema.Schema{}, map[string]*jsonschema.Schema{}
	for _, op := range doc.Operations {
		frames, compile := c.server, closed
		if op.Action == "receive" {
			frames, compile = c.client, open
		}
		for _, m := range op.Messages {
			id := doc.Channels["socket"].Messages[m.last()].last()
			schema, err := compile("#/components/messages/" + id + "/payload")
			if err != nil {
				return fmt.Errorf("message %s: %w", id, err)
			}
			frames[doc.Components.Messages[id].Name] = schema
		}
	}
	c.content, err = closed(systemContent)
	return err
}

// compiler returns a function that compiles the schema at a place of the file.
func compiler(text []byte) (func(place string) (*jsonschema.Schema, error), error) {
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
		return nil, err
	}
	js := jsonschema.NewCompiler()
	js.DefaultDraft(jsonschema.Draft7) // the default of AsyncAPI
	if err := js.AddResource(asyncFile, doc); err != nil {
		return nil, err
	}
	return func(place string) (*jsonschema.Schema, error) { return js.Compile(asyncFile + place) }, nil
}

// ServerFrame returns an error when a frame of a server violates the contract.
func (c *Contract) ServerFrame(text []byte) error { return c.frame(c.server, text) }

// ClientFrames returns the types of frames that clients send.
func (c *Contract) ClientFrames() []string { return slices.Sorted(maps.Keys(c.client)) }

// ServerFrames returns the types of frames that servers send.
func (c *Contract) ServerFrames() []string { return slices.Sorted(maps.Keys(c.server)) }

func (c *Contract) frame(schemas map[string]*jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("a frame is no JSON: %w: %.200q", err, text)
	}
	object, _ := value.(map[string]any)
	typ, _ := object["type"].(string)
	schema, known := schemas[typ]
	if !known {
		return fmt.Errorf("there is no frame type %q in this direction: %.200s", typ, text)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s: %w: %.500s", typ, err, text)
	}
	return c.systemContents(value)
}

// systemContents checks the content of every system message in a JSON value. The
// content is JSON in a string, which the schema of the message cannot check.
func (c *Contract) systemContents(value any) error {
	switch v := value.(type) {
	case []any:
		var errs []error
		for _, one := range v {
			errs = append(errs, c.systemContents(one))
		}
		return errors.Join(errs...)
	case map[string]any:
		var errs []error
		for _, one := range v {
			errs = append(errs, c.systemContents(one))
		}
		if content, ok := v["content"].(string); ok && v["messageType"] == "system" {
			errs = append(errs, c.systemContent(content))
		}
		return errors.Join(errs...)
	}
	return nil
}

func (c *Contract) systemContent(content string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(content))
	if err == nil {
		err = c.content.Validate(value)
	}
	if err != nil {
		return fmt.Errorf("the content of a system message: %w: %.500s", err, content)
	}
	return nil
}
