package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gochat/gochat/contracts"
)

// BenchmarkReadJSON reads the members of a send, by our reader and by libraries: a short one, a long one, and one full
// of escapes. Each ends with the same strings in hand.
func BenchmarkReadJSON(b *testing.B) {
	send := func(content string) []byte {
		return []byte(`{"type":"send-message","data":{"conversationId":"single_0123456789abcdef","content":"` + content +
			`","messageType":"text","tempMessageId":"0b7f3f9e-8f7e-4b1e-9f7e-000000000001"}}`)
	}
	dec := jsontext.NewDecoder(bytes.NewReader(nil))
	for _, text := range []struct {
		name string
		send []byte
	}{
		{"short", send("Hello, how are you today? Shall we meet at noon?")},
		{"long", send(strings.Repeat("Hello. ", 1000))},
		{"escaped", send(strings.Repeat(`\"H\u00e9llo\"\n`, 20))},
	} {
		for _, by := range []struct {
			name string
			read func(text []byte) (contracts.SendData, error)
		}{
			{"ours", readOurs},
			{"encoding-json", readStandard},
			{"jsontext", func(text []byte) (contracts.SendData, error) { return readJSONText(dec, text) }},
		} {
			b.Run(fmt.Sprintf("send=%s/by=%s", text.name, by.name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(text.send)))
				for b.Loop() {
					got, err := by.read(text.send)
					if err != nil || got.MessageType != contracts.TypeText || got.TempMessageID == "" || got.Content == "" {
						b.Fatal(got, err)
					}
				}
			})
		}
	}
}

func readOurs(text []byte) (contracts.SendData, error) {
	_, data, err := splitFrame(text)
	if err != nil {
		return contracts.SendData{}, err
	}
	var r sendReader
	err = walkValue(data, r.member)
	return r.SendData, err
}

func readStandard(text []byte) (contracts.SendData, error) {
	var f struct {
		Type string
		Data contracts.SendData
	}
	err := json.Unmarshal(text, &f)
	return f.Data, err
}

// readJSONText is the least that has to be done with tokens: one pass over the frame, by a decoder that is kept.
func readJSONText(dec *jsontext.Decoder, text []byte) (d contracts.SendData, err error) {
	dec.Reset(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))
	err = members(dec, func(name string) error {
		if name != "data" {
			return dec.SkipValue()
		}
		return members(dec, func(name string) error {
			var to *string
			switch name {
			case "conversationId":
				to = &d.ConversationID
			case "content":
				to = &d.Content
			case "messageType":
				to = &d.MessageType
			case "tempMessageId":
				to = &d.TempMessageID
			}
			if to == nil {
				return dec.SkipValue()
			}
			token, err := dec.ReadToken()
			if err == nil {
				*to = token.String()
			}
			return err
		})
	})
	return d, err
}

// members calls one for each name of an object; one reads its value.
func members(dec *jsontext.Decoder, one func(name string) error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := one(token.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}
