package contracts_test

import (
	"strings"
	"testing"

	"github.com/gochat/gochat/contracts"
)

// BenchmarkEncodeFrame encodes the frame of a message of 128 bytes.
func BenchmarkEncodeFrame(b *testing.B) {
	data := contracts.MessageData{
		MessageID: "290000000000000000", ConversationID: "single_290000000000000000_290000000000000001", SeqID: 12345,
		SenderID: "290000000000000000", Content: strings.Repeat("x", 128), MessageType: "text",
		TempMessageID: "c1f0a4a2-1111-2222-3333-444455556666", Timestamp: 1764430000000,
	}
	b.ReportAllocs()
	for b.Loop() {
		contracts.EncodeFrame(contracts.FrameNew, data)
	}
}
