package contracts_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// BenchmarkRecord encodes and decodes what goes through the queue: a message upstream, and what a gateway gets of a
// run of 64 messages.
func BenchmarkRecord(b *testing.B) {
	up := &pb.Upstream{
		SenderId: 290000000000000000, ConversationId: "single_0123456789abcdef", Content: strings.Repeat("x", 128), MessageType: "text",
		TempMessageId: "c1f0a4a2-1111-2222-3333-444455556666", AcceptedAt: 1764430000000,
	}
	frame := contracts.EncodeFrame(contracts.FrameNew, contracts.MessageData{
		MessageID: "290000000000000000", ConversationID: "single_0123456789abcdef", SeqID: 12345, SenderID: "290000000000000000",
		Content: strings.Repeat("x", 128), MessageType: "text", TempMessageID: "c1f0a4a2-1111-2222-3333-444455556666", Timestamp: 1764430000000,
	})
	down := &pb.Downstream{}
	for i := range 64 {
		down.Deliveries = append(down.Deliveries, &pb.Delivery{
			UserIds: []int64{290000000000000001}, Frame: frame, ConversationId: "single_0123456789abcdef", SeqId: uint64(i + 1),
		})
	}
	for _, r := range []struct {
		name   string
		record proto.Message
		empty  func() proto.Message
	}{
		{"upstream", up, func() proto.Message { return &pb.Upstream{} }},
		{"downstream", down, func() proto.Message { return &pb.Downstream{} }},
	} {
		data, err := proto.Marshal(r.record)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("record="+r.name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := proto.Marshal(r.record); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("record="+r.name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := proto.Unmarshal(data, r.empty()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
