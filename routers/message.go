package routers

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/authorize"
	"github.com/gochat/gochat/handlers/dedup"
	"github.com/gochat/gochat/handlers/deliver"
	"github.com/gochat/gochat/handlers/inorder"
	"github.com/gochat/gochat/handlers/persist"
	"github.com/gochat/gochat/handlers/recipients"
	"github.com/gochat/gochat/handlers/roster"
	"github.com/gochat/gochat/handlers/sequence"
	"github.com/gochat/gochat/routers/middleware"
)

// Messages is what the pipeline needs of the message store.
type Messages interface {
	dedup.Index
	sequence.Allocator
	persist.Store
	authorize.Messages
	RefuseSend(ctx context.Context, in *pb.RefuseSendRequest) (*pb.RefuseSendResponse, error)
}

// Pipeline is what the message router needs beside the shared parts.
type Pipeline struct {
	Messages      Messages
	Conversations authorize.Directory
	Groups        *roster.Roster
	Sessions      recipients.Locator
	Hints         recipients.Hinter
	IDs           handlers.IDs
	Outbox        handlers.Outbox
	// Windows say for how long messages may be changed; nil: the defaults.
	Windows *authorize.Windows
}

// NamedStage is a stage with the name that metrics know it by.
type NamedStage struct {
	Name  string
	Stage handlers.Stage
}

// Stages returns the stages of the pipeline, the outermost first. Their order is written here and nowhere else.
func (p Pipeline) Stages(cfg Config) []NamedStage {
	return []NamedStage{
		{"dedup", dedup.New(p.Messages)},
		{"authorize", authorize.New(p.Windows, p.Conversations, p.Messages, p.Messages)},
		{"sequence", sequence.New(p.Messages)},
		{"persist", persist.New(p.Messages, p.IDs)},
		{"inorder", inorder.New(p.Messages, middleware.IsPermanent)},
		{"recipients", recipients.New(p.Sessions, p.Groups, p.Hints, cfg.GroupLimit)},
		{"deliver", deliver.New(p.Outbox)},
	}
}

// NewMessageRouter returns the router of the message pipeline.
func NewMessageRouter(cfg Config, deps Deps, p Pipeline) (*Router, error) {
	return build(cfg, deps, contracts.TopicPoison, work{
		name:  "message",
		topic: contracts.TopicUpstream,
		group: contracts.GroupMessage,
		about: p.about, content: contentOfSend,
		inner: middlewares(deps, p.Stages(cfg)),
		last:  func(*message.Message) error { return nil },
	})
}

func middlewares(deps Deps, stages []NamedStage) []message.HandlerMiddleware {
	out := []message.HandlerMiddleware{decode}
	passed := map[string]func(*handlers.Envelope){"persist": deps.Metrics.Stored, "recipients": deps.Metrics.Routed}
	for _, s := range stages {
		out = append(out, lift(s.Name, s.Stage, deps.Metrics.Stage(s.Name), passed[s.Name]))
	}
	return append(out, noteRejected(deps.Log))
}
