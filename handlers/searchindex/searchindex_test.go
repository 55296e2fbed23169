package searchindex

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fakeIndex writes down what it is told.
type fakeIndex struct {
	told []string
	fail map[string]error
	left int
}

func (f *fakeIndex) IndexMessages(_ context.Context, in *pb.IndexMessagesRequest) (*pb.IndexMessagesResponse, error) {
	for _, m := range in.GetMessages() {
		f.told = append(f.told, "add "+m.GetContent())
	}
	return &pb.IndexMessagesResponse{}, f.fail["add"]
}

func (f *fakeIndex) RefreshIndex(_ context.Context, in *pb.RefreshIndexRequest) (*pb.RefreshIndexResponse, error) {
	for _, m := range in.GetMessages() {
		f.told = append(f.told, fmt.Sprint("refresh ", m.GetConversationId(), " ", m.GetSeqId()))
	}
	return &pb.RefreshIndexResponse{}, f.fail["refresh"]
}

func (f *fakeIndex) BackfillIndex(context.Context, *pb.BackfillIndexRequest) (*pb.BackfillIndexResponse, error) {
	f.left--
	return &pb.BackfillIndexResponse{Messages: 64, Done: f.left <= 0}, f.fail["backfill"]
}

func text(content string) *pb.Message {
	return &pb.Message{ConversationId: "world", MessageType: "text", Content: content}
}

func system(content string) *pb.Message {
	return &pb.Message{ConversationId: "world", MessageType: "system", Content: content}
}

func TestHandle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run  []*pb.Message
		want []string
	}{
		"messages of every type of a client": {
			[]*pb.Message{text("a"), {MessageType: "image", Content: "b"}, {MessageType: "custom", Content: "c"}}, []string{"add a", "add b", "add c"},
		},
		"changes come last": {
			[]*pb.Message{system(`{"event":"message-recalled","seqId":5}`), text("a"), system(`{"event":"message-edited","seqId":7,"content":"new"}`)},
			[]string{"add a", "refresh world 5", "refresh world 7"},
		},
		"what else happened says nothing": {
			[]*pb.Message{system(`{"event":"reaction-added","seqId":5}`), system(`{"event":"members-added","userIds":["7"]}`)}, nil,
		},
		"what makes no sense neither": {
			[]*pb.Message{
				system(""), system("no JSON"), system(`{"event":"message-recalled"}`), system(`{"event":"message-edited","seqId":-1}`),
				system(`{"event":"message-edited","seqId":"5"}`), system(`[]`), system(`{"event":5}`),
			}, nil,
		},
		"a user's text is no change": {[]*pb.Message{text(`{"event":"message-recalled","seqId":5}`)}, []string{`add {"event":"message-recalled","seqId":5}`}},
	} {
		f := &fakeIndex{}
		require.NoError(t, New(f).Handle(t.Context(), c.run), name)
		assert.Equal(t, c.want, f.told, name)
	}
}

func TestHandleKeepsWhatFailed(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for _, which := range []string{"add", "refresh"} {
		f := &fakeIndex{fail: map[string]error{which: away}}
		require.ErrorIs(t, New(f).Handle(t.Context(), []*pb.Message{text("a"), system(`{"event":"message-recalled","seqId":5}`)}), away, which)
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	var total int64
	f := &fakeIndex{left: 5}
	New(f).Backfill(t.Context(), func(n int64, err error) {
		require.NoError(t, err)
		total = n
	})
	assert.EqualValues(t, 5*64, total)

	// A step that fails is reported, tried again, and given up when the context ends.
	ctx, cancel := context.WithCancel(t.Context())
	f = &fakeIndex{left: 5, fail: map[string]error{"backfill": errors.New("away")}}
	reports := 0
	New(f).Backfill(ctx, func(_ int64, err error) {
		require.ErrorContains(t, err, "away")
		reports++
		cancel()
	})
	assert.Equal(t, 1, reports)
}
