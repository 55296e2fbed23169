package routers

import (
	"errors"
	"strconv"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/routers/middleware"
)

// FuzzRecord: an upstream record either is decoded into an item that has what the stages rely on, or is
// undecodable, or waits for a newer worker.
func FuzzRecord(f *testing.F) {
	good, err := proto.Marshal(&pb.Upstream{SenderId: 7, ConversationId: "world", TempMessageId: "m", Content: "x", MessageType: "text"})
	require.NoError(f, err)
	f.Add(good, contracts.SchemaVersion)
	f.Add(good, "2")
	f.Add([]byte{}, contracts.SchemaVersion)
	f.Add([]byte{0x08, 0xff, 0xff, 0xff}, "")
	f.Fuzz(func(t *testing.T, payload []byte, version string) {
		m := message.NewMessage("id", payload)
		m.Metadata.Set(contracts.MetaSchema, version)
		item, err := decodeItem(m)
		if err != nil {
			if !errors.Is(err, middleware.ErrNewer) {
				require.ErrorIs(t, err, middleware.ErrUndecodable)
			}
			return
		}
		n, err := strconv.ParseUint(version, 10, 64)
		require.NoError(t, err)
		require.LessOrEqual(t, n, uint64(contracts.SchemaNumber))
		require.Positive(t, item.Upstream.GetSenderId())
		require.NotEmpty(t, item.Upstream.GetConversationId())
		require.NotEmpty(t, item.Upstream.GetTempMessageId())
	})
}
