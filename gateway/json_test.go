package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

func TestWalkText(t *testing.T) {
	nested := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	tests := []struct {
		text string
		err  error
	}{
		{`{}`, nil},
		{" {\t\"a\" : -0.5e+10 , \"b\":[ ] }\r\n", nil},
		{`{"a":{"b":[1,"\u00e9\n",true,false,null]}}`, nil},
		{`{"\u0061":1}`, nil},
		{``, errJSONSyntax},
		{`null`, errJSONSyntax},
		{`"a"`, errJSONSyntax},
		{`{"a":1,}`, errJSONSyntax},
		{`{"a":01}`, errJSONSyntax},
		{`{"a":1.}`, errJSONSyntax},
		{`{"a":+1}`, errJSONSyntax},
		{`{"a":"\x"}`, errJSONSyntax},
		{`{"a":"\u12"}`, errJSONSyntax},
		{`{"a":"` + "\n" + `"}`, errJSONSyntax},
		{`{"a":tru}`, errJSONSyntax},
		{`{a:1}`, errJSONSyntax},
		{`{"a" 1}`, errJSONSyntax},
		{`{"a":"b}`, errJSONSyntax},
		{`{"a":[1 2]}`, errJSONSyntax},
		{`{"a":{"b"}}`, errJSONSyntax},
		{`{} {}`, errJSONSyntax},
		{nested(maxDepth - 1), nil},
		{nested(maxDepth), errJSONDepth},
		{nested(1000000), errJSONDepth},
		{"{\"a\":\"\xff\"}", errJSONUTF8},
	}
	for _, tt := range tests {
		err := walkText([]byte(tt.text), func([]byte, value) error { return nil })
		require.ErrorIs(t, err, tt.err, "%.60s", tt.text)
	}
}

// FuzzSend holds the decoder of sends to encoding/json: what one takes the other
// takes, with the same meaning.
func FuzzSend(f *testing.F) {
	for _, s := range []string{
		`{"conversationId":"world","content":"x","messageType":"text","tempMessageId":"m"}`,
		`{"receiverId":"8","content":"\ud83d\ude00\ud83d \u0000","messageType":"te\u0078t","tempMessageId":null}`,
		`{"content":5,"x":[{"y":1e9}]}`, `{"content":"a","content":"b"}`, `[]`, `{"a":1}}`, "{\"content\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var mine sendReader
		err := walkText(text, mine.member)
		if !utf8.Valid(text) {
			require.ErrorIs(t, err, errJSONUTF8)
			return
		}
		var members map[string]json.RawMessage
		std := json.Unmarshal(text, &members)
		switch {
		case errors.Is(err, errJSONDepth), errors.Is(err, errJSONDuplicate), errors.Is(err, errJSONUTF8):
			return // stricter than encoding/json
		case err != nil:
			require.True(t, std != nil || members == nil, "refused: %s", text)
			return
		}
		require.NoError(t, std, "taken: %s", text)
		fields := map[string]string{
			"conversationId": mine.ConversationID, "receiverId": mine.ReceiverID, "content": mine.Content,
			"messageType": mine.MessageType, "tempMessageId": mine.TempMessageID,
		}
		for name, got := range fields {
			var want string
			if raw, ok := members[name]; ok && json.Unmarshal(raw, &want) != nil {
				require.Contains(t, mine.wrong, name)
				continue
			}
			require.Equal(t, want, got, name)
			require.NotContains(t, mine.wrong, name)
		}
	})
}

// FuzzFrame: whatever a client sends, the envelope reader neither panics nor takes
// what is no JSON object with a type.
func FuzzFrame(f *testing.F) {
	f.Add([]byte(`{"type":"ping","data":{}}`))
	f.Add([]byte(`{"data":[],"type":"send-message"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		typ, data, err := splitFrame(text)
		if err != nil {
			return
		}
		var std struct {
			Type *string
			Data json.RawMessage
		}
		// encoding/json also matches names in another case.
		dec := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal(text, &dec))
		require.NoError(t, json.Unmarshal(dec["type"], &std.Type))
		require.NotNil(t, std.Type)
		require.Equal(t, *std.Type, typ)
		require.Equal(t, string(bytes.TrimSpace(dec["data"])), string(data.raw))
	})
}

func TestAckFrame(t *testing.T) {
	for _, id := range []string{"m", strings.Repeat("a", 64)} {
		require.Equal(t, textFrame(contracts.FrameAck, contracts.AckData{TempMessageID: id, MessageID: id, Status: "accepted"}), ackFrame(id))
	}
}

func TestRawFrame(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		f := rawFrame(opText, make([]byte, n))
		want := map[bool]int{true: 2}[n < 126]
		switch {
		case n >= 65536:
			want = 10
		case n >= 126:
			want = 4
		}
		require.Len(t, f, n+want)
		require.Equal(t, byte(opText), f[0])
		require.Zero(t, f[1]&0x80, "servers do not mask")
	}
}

func TestFrameType(t *testing.T) {
	require.Equal(t, "typing", string(frameType(contracts.EncodeFrame(contracts.FrameTyping, struct{}{}))))
	require.Empty(t, frameType([]byte(`{"type":"x`)))
	require.Empty(t, frameType([]byte(`x`)))
}

// TestHalvesOfCharacters: an escape that is half a character is refused wherever it stands, as
// bytes that are not UTF-8 are.
func TestHalvesOfCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		`{"a":"\ud83d\ude00"}`: nil, `{"a":"\uD83D\uDE00"}`: nil, `{"a":"\\ud83d"}`: nil, `{"a":"\ud7ff\ue000"}`: nil,
		`{"a":"\ud83d\udcZZ"}`: errJSONSyntax, `{"a":"\ud83d\udc","b":""}`: errJSONSyntax, `{"a":["\ud83d\ude0x"]}`: errJSONSyntax,
		`{"a":"\ud83d"}`: errJSONUTF8, `{"a":"\ude00"}`: errJSONUTF8, `{"a":"\ude00\ud83d"}`: errJSONUTF8, `{"a":"\ud83d\ud83d\ude00"}`: errJSONUTF8,
		`{"a":"\ud83dx"}`: errJSONUTF8, `{"a":"\ud83d\\ude00"}`: errJSONUTF8, `{"\udbff":1}`: errJSONUTF8, `{"a":{"b":["x","\uDfff"]}}`: errJSONUTF8,
		"{\"a\":\"\xff\"}": errJSONUTF8,
	} {
		if err := walkText([]byte(text), func([]byte, value) error { return nil }); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", text, err, want)
		}
	}
}

// TestWholeNumbers: a number is whole by its value, however it is written.
func TestWholeNumbers(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "7": 7, "7.0": 7, "7.000": 7, "1e3": 1000, "1.5e1": 15, "70E-1": 7,
		"9223372036854775807": 1<<63 - 1, "9007199254740991.0": 1<<53 - 1,
	} {
		n, ok := value{raw: []byte(text)}.count()
		require.True(t, ok, text)
		require.Equal(t, want, n, text)
	}
	for _, text := range []string{"-1", "7.5", "1e-1", "9223372036854775808", "9007199254740992.0", "1e300", "1e999", `"7"`, "null", "true", "[]"} {
		_, ok := value{raw: []byte(text)}.count()
		require.False(t, ok, text)
	}
}
