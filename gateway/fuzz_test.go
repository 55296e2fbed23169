package gateway

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// FuzzBody holds the reader of bodies to encoding/json: what it takes has the same
// meaning there, and what it notes as wrong is wrong there.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		`{"s":"x","n":7,"limit":20,"counts":{"world":3}}`, `{"s":null,"n":-1,"limit":0,"counts":{"a":1.5}}`,
		`{"s":"\ud83d\ude00","n":9223372036854775808,"counts":{"a":1,"\u0061":2}}`, `{"n":1e3,"limit":"5","counts":[]}`, `{}`, `[]`, `{"s":"a","s":"b"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := parseBody(text)
		if err != nil {
			require.Equal(t, contracts.CodeInvalidArgument, contracts.AsError(err).Code)
			return
		}
		var std map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(text, &std), "taken: %s", text)
		s, n, limit, counts := b.optional("s"), b.requiredCount("n"), b.limit("limit", 200), b.counts("counts", 100)
		var wantS *string
		if json.Unmarshal(std["s"], &wantS) == nil || std["s"] == nil {
			require.Equal(t, wantS, s)
			require.NotContains(t, b.wrong, "s")
		}
		if _, bad := b.wrong["n"]; !bad {
			requireCount(t, std["n"], n)
		}
		if _, bad := b.wrong["limit"]; !bad && limit != 0 {
			requireCount(t, std["limit"], uint64(limit))
			require.LessOrEqual(t, limit, int32(200))
		}
		if _, bad := b.wrong["counts"]; !bad {
			var want map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(std["counts"], &want))
			require.Len(t, counts, len(want))
			for name, text := range want {
				requireCount(t, text, counts[name])
			}
		}
		require.Equal(t, len(b.wrong) > 0, b.err() != nil)
	})
}

// requireCount: a number is what encoding/json reads; of one with a fraction or an exponent, what it
// reads as a float.
func requireCount(t *testing.T, text json.RawMessage, n uint64) {
	t.Helper()
	var want uint64
	if json.Unmarshal(text, &want) != nil {
		var f float64
		require.NoError(t, json.Unmarshal(text, &f), "%s", text)
		want = uint64(f)
	}
	require.Equal(t, want, n, "%s", text)
}

// FuzzQuery: numbers of a query are whole, within their bounds, and as they are written.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"", "0", "1", "200", "201", "-1", "+1", "1.5", "007", "9223372036854775807", "9223372036854775808", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := query{get: func(string) string { return text }}
		limit, count := q.limit("limit", 200), q.count("count")
		if _, bad := q.wrong["limit"]; bad || text == "" {
			require.Zero(t, limit)
		} else {
			n, err := strconv.Atoi(text)
			require.NoError(t, err)
			require.EqualValues(t, n, limit)
			require.True(t, n >= 1 && n <= 200)
		}
		if _, bad := q.wrong["count"]; bad || text == "" {
			require.Nil(t, count)
		} else {
			n, err := strconv.ParseInt(text, 10, 64)
			require.NoError(t, err)
			require.EqualValues(t, n, *count)
		}
	})
}

// FuzzData: the data of small frames is read as encoding/json reads it, or refused.
func FuzzData(f *testing.F) {
	for _, s := range []string{
		`{"type":"read","data":{"conversationId":"world","seqId":7}}`, `{"type":"read","data":{"conversationId":"group_1","seqId":-7}}`,
		`{"type":"read","data":{"conversationId":"single_0123456789abcdef","seqId":1,"seqId":1}}`, `{"type":"typing","data":{"conversationId":5}}`, `{"type":"read","data":[]}`, `{"type":"read"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, data, err := splitFrame(text)
		if err != nil {
			return
		}
		var std map[string]json.RawMessage
		if conv, err := typingData(data); err == nil {
			require.NoError(t, json.Unmarshal(data.raw, &std))
			var want string
			require.NoError(t, json.Unmarshal(std["conversationId"], &want))
			require.Equal(t, want, conv)
			require.True(t, contracts.ConversationID(conv).Valid())
		}
		if read, err := readData(data); err == nil {
			require.NoError(t, json.Unmarshal(data.raw, &std))
			var want uint64
			require.NoError(t, json.Unmarshal(std["seqId"], &want))
			require.Equal(t, want, read.SeqID)
			require.True(t, contracts.ConversationID(read.ConversationID).Valid())
		}
	})
}

// FuzzCheckSend: a send that is taken is within every limit, whatever was in it.
func FuzzCheckSend(f *testing.F) {
	f.Add([]byte(`{"conversationId":"world","content":"x","messageType":"text","tempMessageId":"m"}`))
	f.Add([]byte(`{"receiverId":"8","content":"x","messageType":"custom","tempMessageId":"a:b"}`))
	f.Add([]byte(`{"receiverId":"7","content":"","messageType":"system","tempMessageId":" "}`))
	limits := contracts.DefaultLimits()
	f.Fuzz(func(t *testing.T, text []byte) {
		var in sendReader
		if walkText(text, in.member) != nil {
			return
		}
		up, bad := in.check(limits, 7)
		if bad != nil {
			require.Nil(t, up)
			require.Contains(t, []contracts.Code{contracts.CodeInvalidArgument, contracts.CodeNotFound}, bad.Code)
			return
		}
		require.True(t, contracts.ConversationID(up.GetConversationId()).Valid())
		require.NotEqual(t, int64(7), up.GetReceiverId())
		require.True(t, utf8.ValidString(up.GetContent()))
		require.Empty(t, limits.CheckContent(up.GetContent())+limits.CheckTempMessageID(up.GetTempMessageId())+limits.CheckMessageType(up.GetMessageType()))
		wire, err := proto.Marshal(up)
		require.NoError(t, err)
		var again pb.Upstream
		require.NoError(t, proto.Unmarshal(wire, &again))
		require.True(t, proto.Equal(up, &again))
	})
}

// FuzzForwarded: no header makes an address of a trusted proxy the client's, or one
// that the header and the peer do not have.
func FuzzForwarded(f *testing.F) {
	f.Add("10.0.0.1", "1.2.3.4, 10.0.0.2")
	f.Add("::ffff:10.0.0.1", "2001:db8::1")
	f.Add("1.2.3.4", "10.0.0.1")
	f.Add("10.0.0.1", ", ,nonsense,%")
	f.Add("10.0.0.1", `for="[2001:db8::1]:80";by=x, for="1.2.3.\4`)
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, peer, header string) {
		addr, err := netip.ParseAddr(peer)
		if err != nil {
			return
		}
		for _, hops := range [][]string{forwardedFor(header), forwarded(header)} {
			got := clientAddress(addr, hops, trusted)
			require.True(t, got.IsValid())
			if !contains(trusted, addr.Unmap()) {
				require.Equal(t, addr.Unmap(), got, "who is no proxy is believed nothing")
			}
			require.True(t, limitKey(got).IsValid())
		}
	})
}

// FuzzOrigin: what is allowed is the host's own or a listed one.
func FuzzOrigin(f *testing.F) {
	f.Add("https://chat.example", "chat.example")
	f.Add("https://evil.example", "chat.example")
	f.Add("https://listed.example", "")
	f.Add("https://", "")
	listed, err := parseOrigins([]string{"https://listed.example", "https://*.listed.example"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, from, host string) {
		if from == "" || !listed.mayConnect(from, host) {
			return
		}
		page, ok := parseOrigin(from)
		require.True(t, ok, from)
		if listed.lists(from) {
			require.True(t, strings.HasSuffix("."+page.host, ".listed.example") && page.scheme == "https" && page.port == "", from)
			return
		}
		own, ok := parseOrigin(page.scheme + "://" + host)
		require.True(t, ok, host)
		require.Equal(t, page, own)
	})
}

// FuzzFrameType: the type that metrics count is in the frame, whatever the frame is.
func FuzzFrameType(f *testing.F) {
	f.Add(contracts.EncodeFrame(contracts.FrameTyping, struct{}{}))
	f.Add([]byte(`{"type":"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		typ := frameType(text)
		require.LessOrEqual(t, len(typ), len(text))
		require.NotContains(t, string(typ), `"`)
		require.GreaterOrEqual(t, len(rawFrame(opText, text)), len(text)+2)
	})
}
