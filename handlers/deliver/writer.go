package deliver

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Sizes of what is written, by an estimate that is never too low. The bounds of a run say little of what is
// written for it: a frame may be seven times its content, and is written once for each gateway.
const (
	// recordBytes is the size up to which a downstream record is filled; a single delivery may be larger.
	recordBytes = 256 << 10
	// callBytes is the size at which the outbox is called, well below what queues take in one call.
	callBytes = 4 << 20
	// deliveryUsers is how many users one delivery names.
	deliveryUsers = 8192

	// userBytes, deliveryOverhead and recordOverhead are the most that a user id, a delivery and a record take
	// beside frame or payload.
	userBytes        = 10
	deliveryOverhead = 72
	recordOverhead   = 1 << 10
)

// Writer gathers deliveries and records and publishes them in as few records and calls as the queue's limits
// allow. What goes to one gateway keeps its order. When a call fails, the calls before it are published: the
// caller has to write everything again, and clients drop what they have. Not for concurrent use.
type Writer struct {
	out     handlers.Outbox
	at      map[string]int
	open    []*downstream     // in the order of each gateway's first delivery
	records []handlers.Record // full downstream records, and those that are not for gateways
	bytes   int               // of records and open
}

// downstream is a record that is being filled.
type downstream struct {
	gateway    string
	deliveries []*pb.Delivery
	bytes      int
}

// NewWriter returns a writer; call Flush at the end.
func NewWriter(out handlers.Outbox) *Writer { return &Writer{out: out, at: map[string]int{}} }

// Push adds a delivery for one gateway, which must not be changed afterwards, and publishes when there is
// enough for a call.
func (w *Writer) Push(ctx context.Context, gateway string, d *pb.Delivery) error {
	if len(d.GetUserIds()) <= deliveryUsers {
		return w.push(ctx, gateway, d)
	}
	for users := range slices.Chunk(d.GetUserIds(), deliveryUsers) {
		part := &pb.Delivery{}
		proto.Merge(part, d)
		part.UserIds, part.Frame = users, d.GetFrame() // shared
		if err := w.push(ctx, gateway, part); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) push(ctx context.Context, gateway string, d *pb.Delivery) error {
	size := deliveryOverhead + len(d.GetFrame()) + userBytes*len(d.GetUserIds()) + len(d.GetConversationId()) +
		len(d.GetExceptConnectionId()) + len(d.GetOnlyConnectionId()) + len(d.GetTraceParent()) + len(d.GetFrameType())
	if d.GetClose() != nil {
		size += proto.Size(d.GetClose())
	}
	i, known := w.at[gateway]
	if !known {
		i = len(w.open)
		w.at[gateway] = i
		w.open = append(w.open, &downstream{gateway: gateway})
	}
	down := w.open[i]
	if down.bytes > 0 && down.bytes+size > recordBytes {
		w.close(down)
	}
	if down.bytes == 0 {
		w.bytes += recordOverhead
	}
	down.deliveries = append(down.deliveries, d)
	down.bytes += size
	return w.grow(ctx, size)
}

// close ends the record that is being filled for a gateway.
func (w *Writer) close(down *downstream) {
	w.records = append(w.records, handlers.Record{
		Topic: contracts.TopicDownstream(down.gateway), Key: down.gateway, Message: &pb.Downstream{Deliveries: down.deliveries},
	})
	down.deliveries, down.bytes = nil, 0
}

// Record adds a record, whose message must not be changed afterwards, and publishes when there is enough for a
// call.
func (w *Writer) Record(ctx context.Context, topic, key string, m proto.Message) error {
	w.records = append(w.records, handlers.Record{Topic: topic, Key: key, Message: m})
	return w.grow(ctx, recordOverhead+proto.Size(m))
}

// grow counts what was added, and publishes when there is enough for a call.
func (w *Writer) grow(ctx context.Context, size int) error {
	w.bytes += size
	if w.bytes < callBytes {
		return nil
	}
	return w.Flush(ctx)
}

// Flush publishes what was added.
func (w *Writer) Flush(ctx context.Context) error {
	for _, down := range w.open {
		if down.bytes > 0 {
			w.close(down)
		}
	}
	records := w.records
	w.records, w.bytes = nil, 0
	if len(records) == 0 {
		return nil
	}
	return w.out.Publish(ctx, records...)
}
