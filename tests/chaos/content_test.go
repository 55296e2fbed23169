package chaos

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/client"
)

// Every target gets contents of all kinds, for any number of targets, and no content is larger
// than contentMax.
func TestTalkersSayLargeThings(t *testing.T) {
	t.Parallel()
	for targets := 1; targets <= 8; targets++ {
		to := make([]Target, targets)
		for i := range to {
			to[i].ConversationID = string(rune('a' + i))
		}
		talker := NewTalker(&client.Account{Name: "somebody"}, to)
		talker.InFlight = 1 << 20
		plain, heavy := map[string]int{}, map[string]int{}
		n := targets * largeEvery
		for range n {
			var frame struct {
				Data struct{ ConversationID, Content string }
			}
			require.NoError(t, json.Unmarshal(talker.nextFrame(), &frame))
			c := frame.Data.Content
			require.LessOrEqual(t, len(c), contentMax)
			switch {
			case c == strings.Repeat("<", contentMax):
				heavy[frame.Data.ConversationID]++
			case len(c) == contentMax:
				plain[frame.Data.ConversationID]++
			}
		}
		for _, one := range to {
			assert.Equal(t, 1, plain[one.ConversationID], "of %d targets", targets)
			assert.Equal(t, 1, heavy[one.ConversationID], "of %d targets", targets)
		}
	}
}

// brief keeps messages with different large contents different.
func TestBriefIsExact(t *testing.T) {
	t.Parallel()
	large := client.Message{Content: strings.Repeat("<", contentMax)}
	other := client.Message{Content: strings.Repeat("<", contentMax-1) + ">"}
	assert.Less(t, len(brief(large).Content), 100)
	assert.Equal(t, brief(large), brief(large))
	assert.NotEqual(t, brief(large), brief(other))
	assert.NotEqual(t, brief(large), brief(client.Message{Content: large.Content[1:]}))
	small := client.Message{Content: "hello", SeqID: 1}
	assert.Equal(t, small, brief(small))
}
