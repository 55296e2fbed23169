// Package vectors replays the conformance vectors in contracts/vectors against a
// running server. contracts/vectors/README.md explains their format to those who
// replay them against a client of their own.
package vectors

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// File is one file of vectors.
type File struct {
	Schema    string     `json:"$schema"`
	Title     string     `json:"title"`
	Pairs     []Pair     `json:"singleConversations"`
	Scenarios []Scenario `json:"scenarios"`
}

// Pair is a single chat's id, which clients compute themselves.
type Pair struct {
	Users          [2]string `json:"users"`
	ConversationID string    `json:"conversationId"`
}

// Scenario is a story with users of its own.
type Scenario struct {
	Name  string   `json:"name"`
	Why   string   `json:"why"`
	Users []string `json:"users"`
	// World: frames of the world are of interest; others talk there, too.
	World bool   `json:"world"`
	Steps []Step `json:"steps"`
}

// Step is one thing that is done or awaited; exactly one of its parts is set.
type Step struct {
	Say string `json:"say"`
	// Repeat does it so many times, with ${i} from 1.
	Repeat  int      `json:"repeat"`
	Call    *Call    `json:"call"`
	Open    *Open    `json:"open"`
	Send    *Send    `json:"send"`
	Receive *Receive `json:"receive"`
	Quiet   *Quiet   `json:"quiet"`
	Closed  *Closed  `json:"closed"`
	Close   string   `json:"close"`
}

// Call is an HTTP call with the answer to it.
type Call struct {
	As      string            `json:"as"`
	Token   *string           `json:"token"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Body    any               `json:"body"`
	Text    *string           `json:"text"`
	Expect  Expect            `json:"expect"`
	Capture map[string]string `json:"capture"`
	// WithinMs: the call is repeated until the answer matches.
	WithinMs int `json:"withinMs"`
}

// Expect is an answer.
type Expect struct {
	Status  int            `json:"status"`
	Headers map[string]any `json:"headers"`
	Body    any            `json:"body"`
}

// Open opens a WebSocket, or is refused.
type Open struct {
	As       string  `json:"as"`
	Socket   string  `json:"socket"`
	DeviceID string  `json:"deviceId"`
	Token    *string `json:"token"`
	// Via is where the token is: query (the default), header or subprotocol.
	Via     string  `json:"via"`
	Origin  string  `json:"origin"`
	Refused *Expect `json:"refused"`
}

// Send sends a frame, or a text that is none.
type Send struct {
	Socket string  `json:"socket"`
	Frame  any     `json:"frame"`
	Text   *string `json:"text"`
	// Binary sends it as a binary message.
	Binary bool `json:"binary"`
	// UntilClosed: the socket may close before the last repetition.
	UntilClosed bool `json:"untilClosed"`
}

// Receive awaits the next frame of the type of Frame.
type Receive struct {
	Socket string `json:"socket"`
	Frame  any    `json:"frame"`
	// Among: frames of that type that do not match are passed over.
	Among    bool              `json:"among"`
	Capture  map[string]string `json:"capture"`
	WithinMs int               `json:"withinMs"`
}

// Quiet says that no frame of these types has come.
type Quiet struct {
	Socket string   `json:"socket"`
	Types  []string `json:"types"`
}

// Closed awaits the server's close.
type Closed struct {
	Socket string `json:"socket"`
	Code   int    `json:"code"`
	Reason any    `json:"reason"`
}

// Parse reads a file; a name that the format does not have is an error.
func Parse(text []byte) (*File, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var f File
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("parse vectors: %w", err)
	}
	return &f, nil
}
