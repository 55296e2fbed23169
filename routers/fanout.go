package routers

import (
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/largegroup"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/routers/middleware"
)

// NewFanoutRouter returns the router of the tasks for large groups.
func NewFanoutRouter(cfg Config, deps Deps, h *largegroup.Handler) (*Router, error) {
	return build(cfg, deps, contracts.TopicPoison, work{
		name:  "fanout",
		topic: contracts.TopicFanout,
		group: contracts.GroupFanout,
		last: func(msg *message.Message) error {
			for _, m := range mq.Run(msg) {
				var task pb.FanoutTask
				if err := proto.Unmarshal(m.Payload, &task); err != nil {
					return fmt.Errorf("%w: record %s: %w", middleware.ErrUndecodable, m.UUID, err)
				}
				if err := h.Handle(msg.Context(), &task); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
