package routers

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/largegroup"
)

// NewFanoutRouter returns the router of the tasks for large groups.
func NewFanoutRouter(cfg Config, deps Deps, h *largegroup.Handler) (*Router, error) {
	return build(cfg, deps, contracts.TopicPoison, work{
		name:  "fanout",
		topic: contracts.TopicFanout,
		group: contracts.GroupFanout,
		about: aboutMessage[pb.FanoutTask], content: contentOfMessage[pb.FanoutTask],
		last: func(msg *message.Message) error {
			tasks, err := decodeRun[pb.FanoutTask](msg)
			if err != nil {
				return err
			}
			return h.Handle(msg.Context(), tasks)
		},
	})
}
