package contracts_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
)

// FuzzIDs: an id that is taken has one spelling, and a conversation's form is closed.
func FuzzIDs(f *testing.F) {
	for _, s := range []string{"1", "0", "01", "-1", "9223372036854775807", "9223372036854775808", "world", "group_7", "group_07", "single_0123456789abcdef", "single_0123456789ABCDEF"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := contracts.ParseUserID(s); err == nil {
			require.Positive(t, int64(id))
			require.Equal(t, s, id.String())
			require.Equal(t, contracts.SingleConversation(id, 7), contracts.SingleConversation(7, id))
			require.True(t, contracts.SingleConversation(id, 7).Valid())
		}
		c := contracts.ConversationID(s)
		g, isGroup := c.GroupID()
		if isGroup {
			require.Equal(t, c, contracts.GroupConversation(g))
		}
		if c.Valid() {
			require.True(t, isGroup || c == contracts.World || strings.HasPrefix(s, "single_"))
		}
	})
}

// FuzzStatus: whatever another process answers, a client is told a code of the table,
// and what was not written for clients is not told.
func FuzzStatus(f *testing.F) {
	for _, e := range []*contracts.Error{
		contracts.Invalid("username", "3 to 32"), contracts.NewError(contracts.CodeRateLimited, "slow down"),
		{Code: contracts.CodeRateLimited, RetryAfterSeconds: 7}, {Code: "made_up"},
	} {
		text, err := proto.Marshal(e.GRPCStatus().Proto())
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte{8, 14})
	f.Fuzz(func(t *testing.T, text []byte) {
		var st spb.Status
		if proto.Unmarshal(text, &st) != nil {
			return
		}
		err := status.ErrorProto(&st)
		e := contracts.AsError(err)
		if err == nil {
			require.Nil(t, e)
			return
		}
		require.NotEmpty(t, e.Code)
		require.NotZero(t, e.Code.Spec().HTTP)
		require.NotNil(t, e.GRPCStatus())
		_ = contracts.IsPermanent(err)
		if len(st.GetDetails()) == 0 && e.Code.Spec().Message != st.GetMessage() {
			require.Equal(t, e.Code.Spec().Message, e.Message, "the text of a bare status is not for clients")
		}
	})
}

// FuzzLimits: what every check takes is valid UTF-8 without control characters where
// it is a name or a key.
func FuzzLimits(f *testing.F) {
	for _, s := range []string{"alice", "with space", "ü", "a:b", "\xff", "", "text", "system"} {
		f.Add(s)
	}
	l := contracts.DefaultLimits()
	f.Fuzz(func(t *testing.T, s string) {
		if l.CheckUsername(s) == "" || l.CheckTempMessageID(s) == "" || l.CheckMessageType(s) == "" {
			require.Empty(t, strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-"))
		}
		if l.CheckContent(s) == "" || l.CheckNickname(s) == "" {
			require.Equal(t, s, strings.ToValidUTF8(s, "?"))
		}
	})
}
