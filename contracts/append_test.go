package contracts_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// byLibrary is the frame as encoding/json writes it, not escaped for HTML.
func byLibrary(t *testing.T, typ string, data any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(struct {
		Type string `json:"type"`
		Data any    `json:"data"`
	}{typ, data}))
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}

// FuzzFramesAreAsTheLibraryWritesThem: what is appended by hand is the text that encoding/json makes
// of the same data.
func FuzzFramesAreAsTheLibraryWritesThem(f *testing.F) {
	f.Add("hello", "c-1", uint64(7), int64(1764430000000), uint8(0))
	f.Add("\x00\b\f\n\r\t\x1f \"\\/<&>\x7f é 🙂 \u2028\u2029 \xff\xed\xa0\x80", "", uint64(0), int64(-1), uint8(255))
	for bit := range 8 {
		f.Add("x", "y", uint64(1), int64(1), uint8(1<<bit))
	}
	f.Fuzz(func(t *testing.T, text, other string, seq uint64, at int64, has uint8) {
		d := contracts.MessageData{
			MessageID: other, ConversationID: text, SeqID: seq, SenderID: other, Content: text, MessageType: other,
			TempMessageID: text, Timestamp: at, Expired: has&1 != 0,
		}
		if has&2 != 0 {
			d.ReplyToSeq, d.EditedAt, d.RecalledAt, d.RecalledBy = seq, at, at, text
		}
		if has&4 != 0 {
			d.Mentions = []string{text, other}
		}
		if has&8 != 0 {
			d.Reactions = append(d.Reactions, contracts.ReactionData{Reaction: text, UserIDs: []string{other, text}})
		}
		if has&16 != 0 {
			d.Reactions = append(d.Reactions, contracts.ReactionData{Reaction: other})
		}
		if has&32 != 0 {
			d.Reactions = append(d.Reactions, contracts.ReactionData{UserIDs: []string{}})
		}
		if has&64 != 0 {
			d.Mentions, d.Reactions = []string{}, []contracts.ReactionData{}
		}
		require.Equal(t, byLibrary(t, contracts.FrameNew, d), string(contracts.EncodeFrame(contracts.FrameNew, d)))
		s := contracts.StoredData{TempMessageID: text, MessageID: other, ConversationID: text, SeqID: seq, Timestamp: at}
		require.Equal(t, byLibrary(t, contracts.FrameStored, s), string(contracts.EncodeFrame(contracts.FrameStored, s)))
	})
}
