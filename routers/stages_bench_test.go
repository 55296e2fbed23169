package routers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/roster"
)

// quickRepo answers at once and keeps nothing, so that what is measured is the stages.
type quickRepo struct{ *fakeRepo }

func (quickRepo) LookupDedup(_ context.Context, in *pb.LookupDedupRequest) (*pb.LookupDedupResponse, error) {
	out := &pb.LookupDedupResponse{Stored: make([]*pb.Message, len(in.GetKeys()))}
	none := &pb.Message{}
	for i := range out.Stored {
		out.Stored[i] = none
	}
	return out, nil
}

func (quickRepo) AllocateSeq(_ context.Context, in *pb.AllocateSeqRequest) (*pb.AllocateSeqResponse, error) {
	out := &pb.AllocateSeqResponse{SeqIds: make([]uint64, len(in.GetKeys()))}
	for i := range out.SeqIds {
		out.SeqIds[i] = uint64(i + 1)
	}
	return out, nil
}

func (quickRepo) SaveMessages(_ context.Context, in *pb.SaveMessagesRequest) (*pb.SaveMessagesResponse, error) {
	out := &pb.SaveMessagesResponse{Results: make([]*pb.SaveResult, len(in.GetMessages()))}
	for i, m := range in.GetMessages() {
		out.Results[i] = &pb.SaveResult{Outcome: pb.SaveResult_OUTCOME_STORED, Message: m}
	}
	return out, nil
}

// nowhere takes what is published.
type nowhere struct{}

func (nowhere) Publish(context.Context, ...handlers.Record) error { return nil }

// BenchmarkStages measures what each stage of the pipeline costs a run of messages, and all of them together, beside
// a store and a cache that answer at once. Divide by the size of the run for one message.
func BenchmarkStages(b *testing.B) {
	repo := quickRepo{newFakeRepo(1, 2)}
	_, err := repo.EnsureSingle(b.Context(), &pb.EnsureSingleRequest{UserId: 1, PeerId: 2})
	require.NoError(b, err)
	p := Pipeline{Messages: repo, Conversations: repo, Groups: roster.New(repo), Sessions: repo, IDs: &counterIDs{}, Outbox: nowhere{}}
	stages := p.Stages(DefaultConfig())
	end := func(context.Context, *handlers.Envelope) error { return nil }
	for _, run := range []int{1, 64} {
		for i, s := range stages {
			// What comes to a stage is what the ones before it made.
			reached := came(run)
			require.NoError(b, chained(stages[:i], end)(b.Context(), reached))
			b.Run(fmt.Sprintf("stage=%s/run=%d", s.Name, run), func(b *testing.B) { passes(b, s.Stage(end), reached) })
		}
		b.Run(fmt.Sprintf("stage=all/run=%d", run), func(b *testing.B) { passes(b, chained(stages, end), came(run)) })
	}
}

// passes measures a handler on copies of what comes to it.
func passes(b *testing.B, h handlers.Handler, came *handlers.Envelope) {
	items, env := make([]handlers.Item, len(came.Items)), &handlers.Envelope{Items: make([]*handlers.Item, len(came.Items))}
	b.ReportAllocs()
	for b.Loop() {
		for i, it := range came.Items {
			items[i] = *it
			env.Items[i] = &items[i]
		}
		if err := h(b.Context(), env); err != nil {
			b.Fatal(err)
		}
	}
}

// chained is some stages with an end.
func chained(stages []NamedStage, end handlers.Handler) handlers.Handler {
	for i := range stages {
		end = stages[len(stages)-1-i].Stage(end)
	}
	return end
}

// came is a run of messages of one single chat as it comes from the queue.
func came(run int) *handlers.Envelope {
	env := &handlers.Envelope{}
	for i := range run {
		env.Items = append(env.Items, &handlers.Item{
			Upstream: &pb.Upstream{
				SenderId: 1, ReceiverId: 2, ConversationId: string(contracts.SingleConversation(1, 2)), Content: strings.Repeat("x", 128),
				MessageType: contracts.TypeText, TempMessageId: fmt.Sprint("m-", i), AcceptedAt: 1764430000000,
			},
			Origin: handlers.Origin{GatewayID: "gw", ConnectionID: "conn"},
		})
	}
	return env
}
