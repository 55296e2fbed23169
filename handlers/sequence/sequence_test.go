package sequence

import (
	"context"
	"errors"
	"slices"
	"testing"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

type fakeAllocator struct {
	failures int
	calls    int
}

func (f *fakeAllocator) AllocateSeq(_ context.Context, in *pb.AllocateSeqRequest) (*pb.AllocateSeqResponse, error) {
	f.calls++
	if f.calls <= f.failures {
		return nil, errors.New("away")
	}
	out := &pb.AllocateSeqResponse{}
	for i := range in.GetKeys() {
		out.SeqIds = append(out.SeqIds, uint64(10+i))
	}
	return out, nil
}

func TestSequence(t *testing.T) {
	for name, tc := range map[string]struct {
		failures, calls int
		want            []uint64
	}{
		"in order":                   {calls: 1, want: []uint64{10, 0, 11}},
		"away: the store gives them": {failures: 9, calls: 1, want: []uint64{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			alloc := &fakeAllocator{failures: tc.failures}
			stored := &handlers.Item{Upstream: &pb.Upstream{}} // takes no number
			if err := stored.Find(&pb.Message{}); err != nil {
				t.Fatal(err)
			}
			env := &handlers.Envelope{Items: []*handlers.Item{{Upstream: &pb.Upstream{}}, stored, {Upstream: &pb.Upstream{}}}}
			next := func(context.Context, *handlers.Envelope) error { return nil }
			if err := New(alloc)(next)(t.Context(), env); err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, it := range env.Items {
				got = append(got, it.SeqID)
			}
			if !slices.Equal(got, tc.want) || alloc.calls != tc.calls {
				t.Errorf("numbers %v after %d calls, want %v after %d", got, alloc.calls, tc.want, tc.calls)
			}
		})
	}
}
