// Package persist is the pipeline stage that stores messages.
package persist

import (
	"context"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Store saves a run of messages in one transaction and has the last word on
// ids and numbers. Saving the same message again answers with what was stored.
type Store interface {
	SaveMessages(ctx context.Context, in *pb.SaveMessagesRequest) (*pb.SaveMessagesResponse, error)
}

// Timeout is the deadline of one save.
const Timeout = 5 * time.Second

// New returns the stage.
func New(store Store, ids handlers.IDs) handlers.Stage {
	return handlers.Before(func(ctx context.Context, env *handlers.Envelope) error {
		open := env.Open()
		if len(open) == 0 {
			return nil
		}
		req, err := request(open, ids)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, Timeout)
		defer cancel()
		resp, err := store.SaveMessages(ctx, req)
		if err != nil {
			return fmt.Errorf("save %d messages: %w", len(open), err)
		}
		if len(resp.GetResults()) != len(open) {
			return fmt.Errorf("save messages: %d results for %d messages", len(resp.GetResults()), len(open))
		}
		for i, res := range resp.GetResults() {
			if err := settle(open[i], res); err != nil {
				return err
			}
		}
		return nil
	})
}

func request(open []*handlers.Item, ids handlers.IDs) (*pb.SaveMessagesRequest, error) {
	req := &pb.SaveMessagesRequest{Messages: make([]*pb.Message, len(open))}
	for i, it := range open {
		id, err := ids.Next()
		if err != nil {
			// The clock or the lease of the worker id failed, which is no message's fault.
			return nil, contracts.NewError(contracts.CodeUnavailable, "").WithCause(fmt.Errorf("make a message id: %w", err))
		}
		up := it.Upstream
		m := &pb.Message{
			MessageId:      id,
			ConversationId: up.GetConversationId(),
			SeqId:          it.SeqID,
			SenderId:       up.GetSenderId(),
			Content:        up.GetContent(),
			MessageType:    up.GetMessageType(),
			TempMessageId:  up.GetTempMessageId(),
			Timestamp:      up.GetAcceptedAt(),
			ReplyToSeq:     up.GetReplyToSeq(),
			Mentions:       up.GetMentions(),
			MentionsAll:    up.GetMentionsAll(),
		}
		if ch := up.GetChange(); ch != nil {
			m.Change, m.MessageType, m.Content = ch, contracts.TypeSystem, contracts.ChangeContent(ch)
		}
		req.Messages[i] = m
	}
	return req, nil
}

// Refused is the reason that the sender of a message that was given up is told.
var Refused = contracts.NewError(contracts.CodeInternal, "The server cannot store this message.")

// refusals are the reasons that senders are told, by the store's outcome.
var refusals = map[pb.SaveResult_Outcome]*contracts.Error{
	pb.SaveResult_OUTCOME_NOT_MEMBER:      contracts.NewError(contracts.CodeNotFound, "There is no such conversation."),
	pb.SaveResult_OUTCOME_DISSOLVED:       contracts.NewError(contracts.CodeConflict, "This group was dissolved."),
	pb.SaveResult_OUTCOME_NO_TARGET:       contracts.NewError(contracts.CodeNotFound, "There is no such message, or no such reaction."),
	pb.SaveResult_OUTCOME_CONFLICT:        contracts.NewError(contracts.CodeConflict, "This message was recalled or has expired, or takes no more changes."),
	pb.SaveResult_OUTCOME_REACTED_ALREADY: contracts.NewError(contracts.CodeAlreadyExists, "You have already reacted in this way."),
	pb.SaveResult_OUTCOME_FORBIDDEN:       contracts.NewError(contracts.CodePermissionDenied, ""),
	pb.SaveResult_OUTCOME_REFUSED:         Refused,
}

func settle(it *handlers.Item, res *pb.SaveResult) error {
	switch res.GetOutcome() {
	case pb.SaveResult_OUTCOME_STORED, pb.SaveResult_OUTCOME_DUPLICATE:
		// The storing transaction has read the version and size of the group anew.
		if m := it.Membership; m != nil && res.GetMembersVersion() > 0 {
			m.MembersVersion, m.MemberCount = res.GetMembersVersion(), res.GetGroupSize()
		}
		if res.GetOutcome() == pb.SaveResult_OUTCOME_STORED {
			return it.Store(res.GetMessage())
		}
		return it.Find(res.GetMessage())
	default:
		reason := refusals[res.GetOutcome()]
		if reason == nil {
			return fmt.Errorf("save message %q: unknown outcome %v", it.Upstream.GetTempMessageId(), res.GetOutcome())
		}
		return it.Reject(reason)
	}
}
