package chaos

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/client"
)

// theSingle is the single chat in the histories.
const theSingle = "single_0000000000000001"

// good returns small logs and histories in which every promise holds.
func good() (map[string][]Event, Truth) {
	truth := Truth{Histories: map[string][]client.Message{}, Members: map[string][]string{theSingle: {"1", "2"}, "world": {"1", "2", "3"}}}
	logs := map[string][]Event{"3": nil}
	for c, name := range []string{theSingle, "world"} {
		for i := 1; i <= 4; i++ {
			sender := fmt.Sprint(1 + i%2)
			m := client.Message{
				MessageID: fmt.Sprint(100*(c+1) + i), ConversationID: name, SeqID: uint64(i), SenderID: sender,
				Content: "hello", MessageType: "text", TempMessageID: fmt.Sprintf("t%d-%d", c, i), Timestamp: int64(i),
			}
			truth.Histories[name] = append(truth.Histories[name], m)
			for _, user := range truth.Members[name] {
				if user != sender {
					logs[user] = append(logs[user], Event{Kind: Received, Client: user, Message: m})
				}
			}
			ids := client.Message{MessageID: m.MessageID, ConversationID: name, SeqID: m.SeqID, TempMessageID: m.TempMessageID, Timestamp: m.Timestamp, Content: m.Content}
			for _, kind := range []Kind{Invoked, Accepted, Stored} {
				logs[sender] = append(logs[sender], Event{Kind: kind, Client: sender, TempID: m.TempMessageID, Message: ids})
			}
		}
	}
	return logs, truth
}

func TestAGoodHistoryPasses(t *testing.T) {
	t.Parallel()
	logs, truth := good()
	require.Empty(t, Judge(logs, truth))
}

// mutants are the ways to break a promise, and the promise that each breaks.
var mutants = map[string]struct {
	break_ func(map[string][]Event, *Truth)
	want   string
}{
	"a stored message vanishes": {func(_ map[string][]Event, tr *Truth) {
		tr.Histories[theSingle] = tr.Histories[theSingle][:3]
	}, KeptStore},
	"an accepted message vanishes": {func(logs map[string][]Event, _ *Truth) {
		logs["1"] = append(logs["1"], Event{Kind: Accepted, Client: "1", TempID: "gone"})
	}, KeptAck},
	"a message is stored twice": {func(_ map[string][]Event, tr *Truth) {
		again := tr.Histories[theSingle][0]
		again.SeqID, again.MessageID = 5, "999"
		tr.Histories[theSingle] = append(tr.Histories[theSingle], again)
	}, NoTwice},
	"a message id is used twice": {func(_ map[string][]Event, tr *Truth) {
		tr.Histories["world"][0].MessageID = tr.Histories[theSingle][0].MessageID
	}, NoTwice},
	"a number is skipped": {func(_ map[string][]Event, tr *Truth) {
		tr.Histories[theSingle][3].SeqID = 5
	}, NoHole},
	"two messages change places": {func(_ map[string][]Event, tr *Truth) {
		h := tr.Histories[theSingle]
		h[1], h[2] = h[2], h[1]
		h[1].SeqID, h[2].SeqID = 2, 3
	}, SameForAl},
	"the ids that were said are not those of history": {func(logs map[string][]Event, _ *Truth) {
		for i := range logs["1"] {
			logs["1"][i].Message.SeqID += 7
		}
	}, KeptStore},
	"the content changes": {func(_ map[string][]Event, tr *Truth) {
		tr.Histories[theSingle][0].Content = "changed"
	}, SameForAl},
	"the content is damaged before it is stored": {func(logs map[string][]Event, tr *Truth) {
		tr.Histories[theSingle][0].Content = "changed"
		for _, events := range logs {
			for i := range events {
				if m := &events[i].Message; events[i].Kind == Received && m.ConversationID == theSingle && m.SeqID == 1 {
					m.Content = "changed"
				}
			}
		}
	}, KeptStore},
	"a push is lost for ever": {func(logs map[string][]Event, _ *Truth) {
		logs["3"] = logs["3"][1:]
	}, Everyone},
	"an outsider gets a message": {func(logs map[string][]Event, tr *Truth) {
		logs["3"] = append(logs["3"], Event{Kind: Received, Client: "3", Message: tr.Histories[theSingle][0]})
	}, NobodyEls},
	"a rejected message is stored": {func(logs map[string][]Event, _ *Truth) {
		logs["1"] = append(logs["1"], Event{Kind: Rejected, Client: "1", TempID: "t0-2"})
	}, NotBoth},
}

// The judge has to find every mutant, which is a history with one fault: a judge
// that cannot fail would prove nothing.
func TestEveryMutantIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logs, truth := good()
			c.break_(logs, &truth)
			var promises []string
			for _, v := range Judge(logs, truth) {
				promises = append(promises, v.Promise)
			}
			assert.Contains(t, promises, c.want)
		})
	}
}
