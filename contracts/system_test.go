package contracts_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestReadable: an edit keeps its text for those who may read what it changes.
func TestReadable(t *testing.T) {
	edit := &pb.Message{SeqId: 9, Content: `{"event":"message-edited","seqId":5,"content":"new"}`, Change: &pb.Change{Kind: pb.Change_KIND_EDIT, SeqId: 5, Content: "new"}}
	reaction := &pb.Message{SeqId: 9, Content: "x", Change: &pb.Change{Kind: pb.Change_KIND_REACT, SeqId: 5}}
	for what, tt := range map[string]struct {
		m     *pb.Message
		floor uint64
		want  string
	}{
		"from the start":           {edit, 0, edit.GetContent()},
		"joined just before":       {edit, 4, edit.GetContent()},
		"joined with it":           {edit, 5, `{"event":"message-edited","seqId":5}`},
		"joined later":             {edit, 8, `{"event":"message-edited","seqId":5}`},
		"a reaction":               {reaction, 8, "x"},
		"a message like any other": {&pb.Message{SeqId: 9, Content: "hello"}, 8, "hello"},
	} {
		before := proto.CloneOf(tt.m)
		got := contracts.Readable(tt.m, tt.floor)
		if got.GetContent() != tt.want || got.GetContent() != before.GetContent() && got.GetChange().GetContent() != "" {
			t.Errorf("%s: got %v, want %s", what, got, tt.want)
		}
		if !proto.Equal(before, tt.m) {
			t.Errorf("%s: the message itself was changed", what)
		}
	}
}
