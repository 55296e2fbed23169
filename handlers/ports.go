package handlers

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Record is one message for one topic of the queue. Nobody may change Message once the record is
// published: readers in the same process share it.
type Record struct {
	Topic   string
	Key     string
	Message proto.Message
}

// Outbox publishes records, all or none. A record for a gateway whose topic is gone is dropped, which is not an
// error; in such a call, all or none holds only for the records that are not for gateways. Safe for concurrent
// use.
type Outbox interface {
	Publish(ctx context.Context, records ...Record) error
}

// IDs hands out ids that nobody else has. It fails rather than repeat one. Safe for concurrent use.
type IDs interface {
	Next() (int64, error)
}

// Notifier sends a delivery to all sockets of users, wherever they are; it fills in the user ids.
// It is best effort: no error does not mean that a socket was reached.
type Notifier interface {
	Notify(ctx context.Context, to []contracts.UserID, d *pb.Delivery) error
}

// EachNotifier is a Notifier of many users at once, each of whom gets deliveries of their own.
type EachNotifier interface {
	NotifyEach(ctx context.Context, to map[contracts.UserID][]*pb.Delivery) error
}
