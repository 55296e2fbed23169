package routers

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

const (
	// requeueEvery is how often the keeper asks which records an operator wants back in their topics.
	requeueEvery = time.Second
	// requeueAtOnce bounds the records of one answer.
	requeueAtOnce = 16
	// forgetEvery is how often old refusals are deleted.
	forgetEvery = time.Hour
	// poisonRunBytes bounds a run, which has to fit into one call together with the records' metadata.
	poisonRunBytes = 4 << 20
)

// PoisonKeeper moves records from the poison topic, which keeps nothing for ever, to the database, where
// operators see them; puts records back that operators want back; and deletes refusals of long ago. One runs at
// a time.
type PoisonKeeper struct {
	cfg  Config
	deps Deps
	repo pb.PoisonRepoClient
}

// NewPoisonKeeper returns a keeper.
func NewPoisonKeeper(cfg Config, deps Deps, repo pb.PoisonRepoClient) *PoisonKeeper {
	return &PoisonKeeper{cfg: cfg, deps: deps, repo: repo}
}

// Run does all three until ctx is done. It waits for a queue that is away: if it ended with an error, so would
// this process, and then the next one that leads.
func (k *PoisonKeeper) Run(ctx context.Context) error {
	// There is no poison topic here: a record that was poisoned would come back to this router.
	r, err := build(k.cfg, k.deps, "", work{
		name: "poison", topic: contracts.TopicPoison, group: contracts.GroupPoison, runBytes: poisonRunBytes, last: k.keep,
		subscribe: insist(ctx, func(err error) {
			k.deps.Log.Warn("poisoned records are not taken out of the queue; it is tried again", zap.Error(err))
		}),
	})
	if err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return r.Run(ctx) })
	all.Go(func() error {
		k.every(ctx, requeueEvery, "poisoned records were not put back; it is tried again", k.requeue)
		return nil
	})
	all.Go(func() error {
		k.every(ctx, forgetEvery, "refusals of long ago were not forgotten; it is tried again", k.forget)
		return nil
	})
	return all.Wait()
}

// keep writes a run of the poison topic to the database.
func (k *PoisonKeeper) keep(msg *message.Message) error {
	in := &pb.KeepPoisonRequest{}
	for _, m := range mq.Run(msg) {
		clean := make(map[string]string, len(m.Metadata))
		for key, value := range m.Metadata {
			clean[strings.ToValidUTF8(key, "?")] = strings.ToValidUTF8(value, "?")
		}
		in.Records = append(in.Records, &pb.PoisonRecord{Uuid: strings.ToValidUTF8(m.UUID, "?"), Metadata: clean, Payload: m.Payload})
	}
	if _, err := k.repo.KeepPoison(msg.Context(), in); err != nil {
		return fmt.Errorf("keep %d poisoned records: %w", len(in.GetRecords()), err)
	}
	return nil
}

// every does a chore at once and then at each pause until ctx is done, and logs when it failed.
func (k *PoisonKeeper) every(ctx context.Context, pause time.Duration, failed string, chore func(context.Context) error) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		if err := chore(ctx); err != nil && ctx.Err() == nil {
			k.deps.Log.Warn(failed, zap.Error(err))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// forget deletes refusals of long ago, a few at a time.
func (k *PoisonKeeper) forget(ctx context.Context) error {
	for {
		out, err := k.repo.ForgetRefusals(ctx, &pb.ForgetRefusalsRequest{})
		if err != nil {
			return fmt.Errorf("forget refusals: %w", err)
		}
		if out.GetForgotten() == 0 {
			return nil
		}
	}
}

// requeue publishes records to their topics, then deletes them from the database. A crash in between publishes
// a record twice, which every consumer tolerates.
func (k *PoisonKeeper) requeue(ctx context.Context) error {
	list, err := k.repo.ListRequeued(ctx, &pb.ListRequeuedRequest{Limit: requeueAtOnce})
	if err != nil {
		return fmt.Errorf("ask what is to be put back: %w", err)
	}
	for _, rec := range list.GetRecords() {
		topic := rec.GetMetadata()[contracts.MetaPoisonTopic]
		if err := k.deps.Transport.Publisher().Publish(topic, again(rec)); err != nil {
			return fmt.Errorf("put record %s back into %s: %w", rec.GetUuid(), topic, err)
		}
		if _, err := k.repo.ForgetPoison(ctx, &pb.ForgetPoisonRequest{RecordIds: []int64{rec.GetRecordId()}}); err != nil {
			return fmt.Errorf("forget record %d, which was put back: %w", rec.GetRecordId(), err)
		}
		k.deps.Log.Info("a poisoned record was put back", zap.String("uuid", rec.GetUuid()), zap.String("topic", topic),
			zap.String("trace_id", rec.GetMetadata()[contracts.MetaTraceID]))
	}
	return nil
}

// again returns the record as it was first published, under a new UUID: when it is poisoned once more,
// KeepPoison must not take it for the record that requeue is about to delete.
func again(rec *pb.PoisonRecord) *message.Message {
	m := message.NewMessage(rec.GetUuid()+"-again-"+strconv.FormatInt(rec.GetRecordId(), 36), rec.GetPayload())
	m.Metadata = maps.Clone(rec.GetMetadata())
	maps.DeleteFunc(m.Metadata, func(key, _ string) bool { return strings.HasPrefix(key, contracts.MetaPoisonStart) })
	return m
}
