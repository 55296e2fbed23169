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
			run := mq.Run(msg)
			tasks := make([]*pb.FanoutTask, len(run))
			for i, m := range run {
				tasks[i] = &pb.FanoutTask{}
				if err := proto.Unmarshal(m.Payload, tasks[i]); err != nil {
					return fmt.Errorf("%w: record %s: %w", middleware.ErrUndecodable, m.UUID, err)
				}
			}
			return h.Handle(msg.Context(), tasks)
		},
	})
}
