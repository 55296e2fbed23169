package blackbox

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// search returns the contents of all pages of a search.
func (u *user) search(q, rest string) (contents []string) {
	u.t.Helper()
	cursor := ""
	for range 100 {
		a := u.get("/api/search?q=" + url.QueryEscape(q) + rest + cursor)
		require.Equal(u.t, 200, a.Status, "%s", a.Raw)
		for _, m := range a.Body["messages"].([]any) {
			contents = append(contents, m.(map[string]any)["content"].(string))
		}
		next, more := a.Body["nextCursor"].(string)
		if !more {
			return contents
		}
		cursor = "&cursor=" + url.QueryEscape(next)
	}
	require.Fail(u.t, "the pages have no end")
	return nil
}

// found waits until a search finds n messages.
func (u *user) found(n int, q, rest string) []string {
	u.t.Helper()
	var got []string
	require.Eventually(u.t, func() bool {
		got = u.search(q, rest)
		return len(got) == n
	}, patience, 20*time.Millisecond, "%q: %v", q, got)
	return got
}

func TestSearch(t *testing.T) {
	t.Parallel()
	a, b, outsider := newUser(t), newUser(t), newUser(t)
	conv := a.chatWith(b)
	word := fmt.Sprint("Zürich-", counter.Add(1), "-", time.Now().UnixNano())
	for i := range 5 {
		require.Equal(t, 200, a.say(obj{"conversationId": conv}, fmt.Sprintf("%d: near %s, 今日は!", i, word), fmt.Sprint("s-", i)).Status)
	}
	require.Equal(t, 200, outsider.say(obj{"receiverId": b.id}, "elsewhere "+word, "s-x").Status)

	want := []string{}
	for i := 4; i >= 0; i-- {
		want = append(want, fmt.Sprintf("%d: near %s, 今日は!", i, word))
	}
	assert.Equal(t, want, a.found(5, "ZÜRICH"+word[len("Zürich"):], "&limit=2"), "newest first, without regard to case")
	b.found(6, word, "")
	b.found(5, word, "&conversationId="+conv)
	outsider.found(1, word, "")
	assert.Equal(t, want[:1], a.search("4: near "+word, ""), "over the borders of words")
	assert.Len(t, a.search(word+", 今日", ""), 5)
	assert.Empty(t, a.search(word+`" OR "a`, ""), "nothing in a query is an operator")
	assert.Empty(t, a.search("%_"+word, ""))

	for name, conversation := range map[string]string{"another's": conv, "none": "single_0000000000000000", "no id": "nonsense"} {
		r := outsider.get("/api/search?q=" + url.QueryEscape(word) + "&conversationId=" + conversation)
		assert.Equal(t, 404, r.Status, name)
		assert.Equal(t, "not_found", r.code(), name)
	}
	assert.Equal(t, 401, call(t, "GET", "/api/search?q=xx", "", nil).Status)
}
