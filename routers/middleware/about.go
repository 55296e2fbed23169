package middleware

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/obs"
)

// Written is what people wrote in a record, and who.
type Written struct {
	// Content is cut out of every text about the record that is kept or logged.
	Content string
	// Sender is the user's id; 0 when the sender is not known.
	Sender int64
}

// Content returns what was written in a record. A nil Content returns nothing.
type Content func(*message.Message) Written

func (c Content) of(msg *message.Message) Written {
	if c == nil {
		return Written{}
	}
	return c(msg)
}

// describe returns the text of a run's error as it may be logged, without what people wrote.
func (c Content) describe(msg *message.Message, err error) string {
	var written []string
	for _, m := range mq.Run(msg) {
		written = append(written, c.of(m).Content)
	}
	return describe(err, written...)
}

// mostNamed bounds each of the lists of traces, requests and users in a log line.
const mostNamed = 32

// about returns the fields of a log line about a run: how many records, and their traces, requests and users.
// The traces are those that the clients were told.
func (c Content) about(msg *message.Message) []zap.Field {
	run := mq.Run(msg)
	fields := []zap.Field{zap.Int("records", len(run)), zap.String("uuid", msg.UUID)}
	var traces, requests []string
	var users []int64
	more := false
	for _, m := range run {
		traces = named(traces, TraceOf(m), &more)
		requests = named(requests, m.Metadata.Get(contracts.MetaOriginConnection), &more)
		users = named(users, c.of(m).Sender, &more)
	}
	if more {
		fields = append(fields, zap.Bool("more", true))
	}
	fields = oneOrMore(fields, traces, obs.FieldTrace, zap.String, zap.Strings)
	fields = oneOrMore(fields, requests, obs.FieldRequest, zap.String, zap.Strings)
	return oneOrMore(fields, users, obs.FieldUser, zap.Int64, zap.Int64s)
}

// named adds a name that is not in the list yet, or sets more when the list is full.
func named[T comparable](to []T, name T, more *bool) []T {
	var none T
	if name == none {
		return to
	}
	for _, known := range to {
		if known == name {
			return to
		}
	}
	if len(to) == mostNamed {
		*more = true
		return to
	}
	return append(to, name)
}

func oneOrMore[T any](fields []zap.Field, all []T, key string, one func(string, T) zap.Field, several func(string, []T) zap.Field) []zap.Field {
	switch len(all) {
	case 0:
		return fields
	case 1:
		return append(fields, one(key, all[0]))
	}
	return append(fields, several(key, all))
}
