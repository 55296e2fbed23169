package routers

import (
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/searchindex"
	"github.com/gochat/gochat/infra/mq"
)

// The index is written in few large transactions, since on SQLite each of them keeps the storing of messages
// waiting. After a short run the lane rests, so that the messages that come meanwhile are one run.
const (
	searchRun      = 8192
	searchRunBytes = 4 << 20
	searchRest     = 250 * time.Millisecond
)

// NewSearchRouter returns the router that keeps the search index up to date.
func NewSearchRouter(cfg Config, deps Deps, h *searchindex.Handler) (*Router, error) {
	cfg.Lanes, cfg.Run = 1, searchRun
	return build(cfg, deps, contracts.TopicPoison, work{
		name:     "search",
		topic:    contracts.TopicStored,
		group:    contracts.GroupSearch,
		about:    aboutMessage[pb.Stored],
		content:  contentOfMessage[pb.Stored],
		runBytes: searchRunBytes,
		outer:    []message.HandlerMiddleware{rest},
		last: func(msg *message.Message) error {
			events, err := decodeRun[pb.Stored](msg)
			if err != nil {
				return err
			}
			stored := make([]*pb.Message, len(events))
			for i, event := range events {
				stored[i] = event.GetMessage()
			}
			return h.Handle(msg.Context(), stored)
		},
	})
}

// rest keeps the lane waiting for searchRest after a short run.
func rest(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		if _, err := h(msg); err != nil || len(mq.Run(msg)) >= searchRun/2 {
			return nil, err
		}
		handlers.Pause(msg.Context(), searchRest)
		return nil, nil
	}
}
