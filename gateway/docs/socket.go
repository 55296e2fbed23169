package docs

import (
	"errors"
	"fmt"
	"html/template"

	"go.yaml.in/yaml/v3"
)

// asyncAPI is the part of asyncapi.yaml that the page shows.
type asyncAPI struct {
	Info       struct{ Description string }
	Channels   map[string]channel
	Operations map[string]struct {
		Action   string
		Messages []struct {
			Ref string `yaml:"$ref"`
		}
	}
	Components struct {
		Messages map[string]message
		Schemas  map[string]schema
	}
}

type channel struct {
	Description string
	Messages    map[string]struct {
		Ref string `yaml:"$ref"`
	}
}

type message struct {
	Name, Summary string
	Payload       struct {
		Properties struct{ Data schema }
	}
	Examples []struct{ Payload yaml.Node }
}

// frame is one frame type.
type frame struct {
	// ID names it on the page: some types go both ways.
	ID, Type string
	Summary  template.HTML
	About    []template.HTML
	Fields   []field
	// Whole links to the object that the data is, when the page has it elsewhere.
	Whole   template.HTML
	Example string
}

// readSocket fills the page's part about the WebSocket.
func (m *model) readSocket(text []byte, known names) error {
	var doc asyncAPI
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	socket, ok := doc.Channels["socket"]
	if !ok {
		return errors.New("no channel socket")
	}
	m.Socket = append(prose(socket.Description), prose(doc.Info.Description)...)
	for _, op := range doc.Operations {
		for _, r := range op.Messages {
			id := last(socket.Messages[last(r.Ref)].Ref)
			f, err := doc.frame(known, id)
			if err != nil {
				return fmt.Errorf("frame %s: %w", id, err)
			}
			if op.Action == "receive" {
				m.Client = append(m.Client, f)
			} else {
				m.Server = append(m.Server, f)
			}
		}
	}
	return nil
}

func (d *asyncAPI) frame(known names, id string) (frame, error) {
	msg, ok := d.Components.Messages[id]
	if !ok {
		return frame{}, errors.New("no such message")
	}
	name := last(msg.Payload.Properties.Data.Ref)
	data := d.Components.Schemas[name]
	f := frame{ID: id, Type: msg.Name, Summary: inline(msg.Summary), About: prose(data.Description)}
	var err error
	if name == "Message" && known[name] {
		f.Whole, f.About = known.kind(&msg.Payload.Properties.Data), nil
	} else if f.Fields, err = known.fields(&data); err != nil {
		return f, err
	}
	if len(msg.Examples) > 0 {
		f.Example, err = text(&msg.Examples[0].Payload)
	}
	return f, err
}
