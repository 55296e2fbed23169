package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/obs"
)

// Poison takes records that can never be handled out of the way.
type Poison struct {
	// Publisher and Topic are where such records go, with the reason.
	Publisher message.Publisher
	Topic     string
	// Router and Group name the consumer that gives records up.
	Router, Group string
	// About, when set, describes a record and says what its sender is told, which must stay true when the
	// record comes again after a crash. When About fails, the record is not poisoned and comes again.
	About func(ctx context.Context, msg *message.Message) (Subject, error)
	// After is for how long a run may fail with unforeseen errors until it is narrowed to the failing message;
	// 0 is for ever.
	After time.Duration
	// Count counts a poisoned record by its reason.
	Count func(router, reason string)
	Log   *zap.Logger
}

// Subject is what a record is about, as far as it can be read.
type Subject struct {
	// Sender, Conversation and TempMessageID are of the record's message.
	Sender, Conversation, TempMessageID string
	// Content is cut out of what is written about the record.
	Content string
	// Told is what the sender is told; empty is contracts.ToldNobody.
	Told string
	// Tell, when set, tells the sender. It is called after the record is in the poison topic, so that an
	// operator who puts the record back knows what the sender may have been told.
	Tell func(ctx context.Context) error
}

// Middleware lets a dependency's errors pass: the router nacks and the lane waits, for however long it takes.
// After a permanent error of a run, its messages are handled one by one, and the guilty one is poisoned. The
// same is done after an unforeseen error, once the run has failed with nothing else for as long as After says.
// Watermill's PoisonQueue knows no runs, and would poison records because of a shutdown.
func (p Poison) Middleware(h message.HandlerFunc) message.HandlerFunc {
	b := &burial{Poison: p, next: h, patience: newPatience(p.After)}
	return b.handle
}

// burial is the Poison of one router at work.
type burial struct {
	Poison
	next     message.HandlerFunc
	patience *patience
}

func (b *burial) handle(msg *message.Message) ([]*message.Message, error) {
	whole := mq.Run(msg)
	run := b.patience.living(whole)
	if len(run) == 0 {
		b.patience.ended(whole)
		return nil, nil
	}
	if len(run) < len(whole) {
		msg = together(run, msg.Context())
	}
	err := b.attempt(msg)
	ripe := b.patience.ripe(run[0].UUID, err)
	switch {
	case err == nil:
	case !IsPermanent(err) && !ripe:
		return nil, err
	case len(run) == 1:
		err = b.bury(msg, err)
	default:
		err = b.narrow(run, msg.Context(), ripe)
	}
	if err == nil {
		b.patience.ended(whole)
	}
	return nil, err
}

// attempt handles a run, and notes that the router works.
func (b *burial) attempt(msg *message.Message) error {
	_, err := b.next(msg)
	if err == nil {
		b.patience.worked()
	}
	return err
}

// narrow handles a run's messages one by one. A message that fails and is not poisoned holds those behind it;
// what is poisoned already is left out when the run comes again.
func (b *burial) narrow(run []*message.Message, ctx context.Context, ripe bool) error { //nolint:revive // the context is that of the run
	for _, one := range run {
		single := together([]*message.Message{one}, ctx)
		err := b.attempt(single)
		switch {
		case err == nil:
			continue
		case IsPermanent(err), ripe && !IsDependency(err) && b.patience.mayBury():
			err = b.bury(single, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// together returns a message that stands for a run.
func together(run []*message.Message, ctx context.Context) *message.Message { //nolint:revive // the context is that of the run
	first := message.NewMessage(run[0].UUID, run[0].Payload)
	first.Metadata = run[0].Metadata
	first.SetContext(mq.WithRun(ctx, run...))
	return first
}

// bury writes the record to the poison topic, then tells its sender. After a failure in between, the record
// comes again and is buried again.
func (b *burial) bury(msg *message.Message, why error) error {
	var about Subject
	if b.About != nil {
		var err error
		if about, err = b.About(msg.Context(), msg); err != nil {
			// %w only for About's error, which decides whether the record waits; why is only quoted.
			return fmt.Errorf("look at record %s, which is to be poisoned (%s): %w", msg.UUID, why.Error(), err)
		}
	}
	reason, text := Reason(why), describe(why, about.Content)
	if err := b.write(note(msg, b.Group, reason, text, about)); err != nil {
		return fmt.Errorf("poison record %s (%s): %w", msg.UUID, text, err)
	}
	if about.Tell != nil {
		if err := about.Tell(msg.Context()); err != nil {
			return fmt.Errorf("tell the sender of record %s that it is poisoned (%s): %w", msg.UUID, text, err)
		}
	}
	b.patience.buried(msg.UUID, reason)
	b.Count(b.Router, reason)
	fields := []zap.Field{
		zap.String("router", b.Router), zap.String("uuid", msg.UUID), zap.String("reason", reason), zap.String("error", text),
		zap.String("conversation", about.Conversation), zap.String(obs.FieldTrace, TraceOf(msg)),
	}
	if id, err := contracts.ParseUserID(about.Sender); err == nil {
		fields = append(fields, zap.Int64(obs.FieldUser, int64(id)))
	}
	if from := msg.Metadata.Get(contracts.MetaOriginConnection); from != "" {
		fields = append(fields, zap.String(obs.FieldRequest, from))
	}
	b.Log.Error("record poisoned: it can never be handled", fields...)
	return nil
}

// write publishes a record to the poison topic. One that is too large for the topic goes without its payload,
// since it would hold its lane for ever otherwise.
func (p Poison) write(dead *message.Message) error {
	err := p.Publisher.Publish(p.Topic, dead)
	if !errors.Is(err, mq.ErrTooLarge) {
		return err
	}
	dead.Metadata.Set(contracts.MetaPoisonError, fmt.Sprintf("%s (the payload of %d bytes did not fit into the poison topic)",
		dead.Metadata.Get(contracts.MetaPoisonError), len(dead.Payload)))
	dead.Payload = nil
	return p.Publisher.Publish(p.Topic, dead)
}
