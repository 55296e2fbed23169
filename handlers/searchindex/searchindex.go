// Package searchindex keeps the search index up to date with what is stored.
package searchindex

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Index is the search index.
type Index interface {
	IndexMessages(ctx context.Context, in *pb.IndexMessagesRequest) (*pb.IndexMessagesResponse, error)
	RefreshIndex(ctx context.Context, in *pb.RefreshIndexRequest) (*pb.RefreshIndexResponse, error)
	BackfillIndex(ctx context.Context, in *pb.BackfillIndexRequest) (*pb.BackfillIndexResponse, error)
}

// Handler indexes stored messages. Safe for concurrent use.
type Handler struct{ index Index }

// New returns a handler.
func New(index Index) *Handler { return &Handler{index: index} }

// changed are the events that change the text of an earlier message.
var changed = map[string]bool{contracts.EventRecalled: true, contracts.EventEdited: true}

// Handle brings a run of stored messages into the index. It is idempotent. New messages are indexed before
// changed ones are indexed anew, so that a change in the same run has the last word.
func (h *Handler) Handle(ctx context.Context, run []*pb.Message) error {
	add := &pb.IndexMessagesRequest{}
	anew := &pb.RefreshIndexRequest{}
	for _, m := range run {
		if m.GetMessageType() != contracts.TypeSystem {
			add.Messages = append(add.Messages, m)
		} else if seq := target(m); seq != 0 {
			anew.Messages = append(anew.Messages, &pb.MessageRef{ConversationId: m.GetConversationId(), SeqId: seq})
		}
	}
	if len(add.GetMessages()) > 0 {
		if _, err := h.index.IndexMessages(ctx, add); err != nil {
			return fmt.Errorf("index %d messages: %w", len(add.GetMessages()), err)
		}
	}
	if len(anew.GetMessages()) > 0 {
		if _, err := h.index.RefreshIndex(ctx, anew); err != nil {
			return fmt.Errorf("index %d changed messages: %w", len(anew.GetMessages()), err)
		}
	}
	return nil
}

// target returns the number of the message that a system message recalls or edits; 0 when it does neither or
// cannot be read.
func target(m *pb.Message) uint64 {
	var change contracts.SystemContent
	if err := json.Unmarshal([]byte(m.GetContent()), &change); err != nil || !changed[change.Event] {
		return 0
	}
	return change.SeqID
}

// Pauses of the backfill: after a step it rests for as long as the step took, times
// restFactor, so that people who chat do not notice it.
const (
	restFactor = 3
	retryPause = 5 * time.Second
)

// Backfill indexes what was stored before there was an index, and returns when all of it is indexed or ctx is
// done. It goes on where this or another process stopped. report is told of each step that failed, which is
// tried again, and with a nil error of the end; messages are those that this call has indexed.
func (h *Handler) Backfill(ctx context.Context, report func(messages int64, err error)) {
	var total int64
	for {
		began := time.Now()
		step, err := h.index.BackfillIndex(ctx, &pb.BackfillIndexRequest{})
		pause := restFactor * time.Since(began)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			report(total, fmt.Errorf("index earlier messages: %w", err))
			pause = retryPause
		case step.GetDone():
			report(total+step.GetMessages(), nil)
			return
		}
		total += step.GetMessages()
		if !handlers.Pause(ctx, pause) {
			return
		}
	}
}
