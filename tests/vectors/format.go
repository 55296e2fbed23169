// Package vectors replays the conformance vectors in contracts/vectors against a
// running server. contracts/vectors/README.md explains their format.
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

// Scenario is a sequence of steps with its own users.
type Scenario struct {
	Name  string   `json:"name"`
	Why   string   `json:"why"`
	Users []string `json:"users"`
	// World keeps frames of world, which are ignored by default since other tests send there, too.
	World bool   `json:"world"`
	Steps []Step `json:"steps"`
}

// Step is one action or one wait; exactly one of Call to Close is set.
type Step struct {
	Say string `json:"say"`
	// Repeat repeats the step so many times, with ${i} counting from 1.
	Repeat  int      `json:"repeat"`
	Call    *Call    `json:"call"`
	Open    *Open    `json:"open"`
	Send    *Send    `json:"send"`
	Receive *Receive `json:"receive"`
	Quiet   *Quiet   `json:"quiet"`
	Closed  *Closed  `json:"closed"`
	Close   string   `json:"close"`
}

// Call is an HTTP call with the expected answer.
type Call struct {
	As      string            `json:"as"`
	Token   *string           `json:"token"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Body    any               `json:"body"`
	Text    *string           `json:"text"`
	Expect  Expect            `json:"expect"`
	Capture map[string]string `json:"capture"`
	// WithinMs repeats the call for so long until the answer matches; 0: it is made once.
	WithinMs int `json:"withinMs"`
}

// Expect is the expected answer to a call or a handshake.
type Expect struct {
	Status  int            `json:"status"`
	Headers map[string]any `json:"headers"`
	Body    any            `json:"body"`
}

// Open opens a WebSocket, or, with Refused, expects that the handshake is refused.
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

// Send sends a frame, or any text, which need not be JSON.
type Send struct {
	Socket string  `json:"socket"`
	Frame  any     `json:"frame"`
	Text   *string `json:"text"`
	// Binary sends it as a binary message.
	Binary bool `json:"binary"`
	// UntilClosed allows the server to close the socket before the last repetition.
	UntilClosed bool `json:"untilClosed"`
}

// Receive waits for the next frame with the type of Frame, which has to match Frame.
type Receive struct {
	Socket string `json:"socket"`
	Frame  any    `json:"frame"`
	// Among skips frames of that type that do not match.
	Among    bool              `json:"among"`
	Capture  map[string]string `json:"capture"`
	WithinMs int               `json:"withinMs"`
}

// Quiet checks that no frame of these types has come that no Receive has taken.
type Quiet struct {
	Socket string   `json:"socket"`
	Types  []string `json:"types"`
}

// Closed waits until the server closes the socket.
type Closed struct {
	Socket string `json:"socket"`
	Code   int    `json:"code"`
	Reason any    `json:"reason"`
}

// Parse parses a file of vectors; an unknown field is an error.
func Parse(text []byte) (*File, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var f File
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("parse vectors: %w", err)
	}
	return &f, nil
}
