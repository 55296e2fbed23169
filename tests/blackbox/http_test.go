package blackbox

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	again := call(t, "POST", "/api/auth/register", "", enc(obj{"username": strings.ToUpper(u.name), "password": "another one"}))
	assert.Equal(t, 409, again.Status)
	assert.Equal(t, "username_taken", again.code())

	login := call(t, "POST", "/api/auth/login", "", enc(obj{"username": u.name, "password": u.plain}))
	require.Equal(t, 200, login.Status)
	second := login.Body["token"].(string)
	wrong := call(t, "POST", "/api/auth/login", "", enc(obj{"username": u.name, "password": "wrong password"}))
	nobody := call(t, "POST", "/api/auth/login", "", enc(obj{"username": "nobody-at-all", "password": "wrong password"}))
	for _, a := range []answer{wrong, nobody} {
		assert.Equal(t, 401, a.Status)
		assert.Equal(t, "invalid_credentials", a.code())
	}
	assert.Equal(t, wrong.Body["error"].(map[string]any)["message"], nobody.Body["error"].(map[string]any)["message"])

	require.Equal(t, 204, call(t, "POST", "/api/auth/logout", second, nil).Status)
	assert.Equal(t, 401, call(t, "GET", "/api/users/me", second, nil).Status)
	assert.Equal(t, 200, u.get("/api/users/me").Status, "the other token lives on")
	for name, token := range map[string]string{"none": "", "garbage": "x.y.z", "another alg": "eyJhbGciOiJub25lIn0.e30."} {
		a := call(t, "GET", "/api/users/me", token, nil)
		assert.Equal(t, 401, a.Status, name)
		assert.Equal(t, "unauthenticated", a.code(), name)
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	u, other := newUser(t), newUser(t)
	a := call(t, "PATCH", "/api/users/me", u.token, enc(obj{"nickname": "Ünï ☃", "avatarUrl": "https://example.org/a.png"}))
	require.Equal(t, 200, a.Status)
	seen := other.get("/api/users/" + u.id)
	require.Equal(t, 200, seen.Status)
	assert.Equal(t, "Ünï ☃", seen.Body["nickname"])
	found := other.get("/api/users?username=" + u.name)
	assert.Len(t, found.Body["users"], 1)
	assert.Empty(t, other.get("/api/users?username=nobody-at-all").Body["users"])
	for _, id := range []string{"1", "0", "-1", "word", "99999999999999999999"} {
		assert.Equal(t, 404, other.get("/api/users/"+id).Status, id)
	}
}

func TestConversationsAndHistory(t *testing.T) {
	t.Parallel()
	a, b, outsider := newUser(t), newUser(t), newUser(t)
	conv := a.chatWith(b)
	assert.Equal(t, conv, b.chatWith(a), "made once")
	assert.Equal(t, 404, a.post("/api/conversations", obj{"peerId": "1"}).Status)
	assert.Equal(t, 400, a.post("/api/conversations", obj{"peerId": a.id}).Status)

	for i := 1; i <= 7; i++ {
		stored := a.say(obj{"receiverId": b.id}, fmt.Sprint("message ", i), fmt.Sprintf("t-%d", i))
		require.Equal(t, 200, stored.Status, "%s", stored.Raw)
		require.EqualValues(t, i, stored.Body["seqId"])
		require.Equal(t, conv, stored.Body["conversationId"])
	}
	for query, want := range map[string]struct {
		first, last float64
		more        bool
	}{
		"":                              {1, 7, false},
		"?limit=3":                      {5, 7, true},
		"?afterSeq=2&limit=3":           {3, 5, true},
		"?afterSeq=0":                   {1, 7, false},
		"?beforeSeq=4":                  {1, 3, false},
		"?beforeSeq=4&limit=2":          {2, 3, true},
		"?afterSeq=1&beforeSeq=5":       {2, 4, false},
		"?afterSeq=7":                   {0, 0, false},
		"?beforeSeq=1":                  {0, 0, false},
		"?afterSeq=9223372036854775807": {0, 0, false},
	} {
		page := b.get("/api/conversations/" + conv + "/messages" + query)
		require.Equal(t, 200, page.Status, query)
		list := page.Body["messages"].([]any)
		assert.Equal(t, want.more, page.Body["hasMore"], query)
		assert.EqualValues(t, 7, page.Body["lastSeq"], query)
		if want.first == 0 {
			assert.Empty(t, list, query)
			continue
		}
		require.NotEmpty(t, list, query)
		assert.EqualValues(t, want.first, list[0].(map[string]any)["seqId"], query)
		assert.EqualValues(t, want.last, list[len(list)-1].(map[string]any)["seqId"], query)
		assert.Len(t, list, int(want.last-want.first)+1, query)
	}

	read := func(seq any) answer { return b.post("/api/conversations/"+conv+"/read", obj{"seqId": seq}) }
	assert.EqualValues(t, 3, read(3).Body["readSeq"])
	assert.EqualValues(t, 4, read(2).Body["unread"], "never back")
	assert.EqualValues(t, 7, read(1000).Body["readSeq"], "never past the end")
	mine := a.get("/api/conversations/" + conv)
	assert.EqualValues(t, 7, mine.Body["readSeq"], "sending reads")
	assert.EqualValues(t, 0, mine.Body["unread"])

	for _, path := range []string{"", "/messages"} {
		assert.Equal(t, 404, outsider.get("/api/conversations/"+conv+path).Status, path)
	}
	assert.Equal(t, 404, outsider.post("/api/conversations/"+conv+"/read", obj{"seqId": 1}).Status)
	refused := outsider.say(obj{"conversationId": conv}, "let me in", "o-1")
	assert.Equal(t, 404, refused.Status)
	for _, id := range []string{"single_0000000000000000", "group_1", "nonsense", "world2"} {
		assert.Equal(t, 404, a.get("/api/conversations/"+id).Status, id)
	}
}

func TestListAndSync(t *testing.T) {
	t.Parallel()
	a := newUser(t)
	var convs []string
	for i := range 3 {
		peer := newUser(t)
		convs = append(convs, a.chatWith(peer))
		require.Equal(t, 200, peer.say(obj{"receiverId": a.id}, "hi", fmt.Sprint("p", i)).Status)
	}
	var got []string
	cursor := ""
	for range 10 {
		page := a.get("/api/conversations?limit=1&cursor=" + cursor)
		require.Equal(t, 200, page.Status, "%s", page.Raw)
		for _, c := range page.Body["conversations"].([]any) {
			if id := c.(map[string]any)["conversationId"].(string); id != "world" {
				got = append(got, id)
			}
		}
		next, more := page.Body["nextCursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	assert.Equal(t, []string{convs[2], convs[1], convs[0]}, got, "newest message first")

	sync := a.post("/api/sync", obj{"conversations": obj{convs[0]: 1, convs[1]: 0}})
	require.Equal(t, 200, sync.Status)
	news := map[string]int{}
	for _, c := range sync.Body["conversations"].([]any) {
		m := c.(map[string]any)
		news[m["conversationId"].(string)] = len(m["messages"].([]any))
	}
	delete(news, "world")
	assert.Equal(t, map[string]int{convs[1]: 1, convs[2]: 1}, news, "only those with news")
}

func TestWorldCountsFromRegistration(t *testing.T) {
	t.Parallel()
	early := newUser(t)
	require.Equal(t, 200, early.say(obj{"conversationId": "world"}, "before", "w1").Status)
	late := newUser(t)
	require.Equal(t, 200, early.say(obj{"conversationId": "world"}, "after", "w2").Status)
	world := late.get("/api/conversations/world")
	require.Equal(t, 200, world.Status)
	unread := world.Body["unread"].(float64)
	assert.GreaterOrEqual(t, unread, 1.0)
	assert.Less(t, unread, world.Body["lastSeq"].(float64))
}

func TestSendIsIdempotentForEver(t *testing.T) {
	t.Parallel()
	a, b := newUser(t), newUser(t)
	first := a.say(obj{"receiverId": b.id}, "once", "same")
	require.Equal(t, 200, first.Status)
	again := a.say(obj{"receiverId": b.id}, "twice, in other words", "same")
	assert.Equal(t, first.Body["messageId"], again.Body["messageId"])
	assert.Equal(t, first.Body["seqId"], again.Body["seqId"])
	other := b.say(obj{"receiverId": a.id}, "mine", "same")
	assert.NotEqual(t, first.Body["messageId"], other.Body["messageId"], "another sender, another message")
	c := newUser(t)
	elsewhere := a.say(obj{"receiverId": c.id}, "to somebody else", "same")
	assert.Equal(t, first.Body["messageId"], elsewhere.Body["messageId"], "%s", elsewhere.Raw)
	assert.Equal(t, first.Body["conversationId"], elsewhere.Body["conversationId"])
	for _, one := range c.get("/api/conversations").Body["conversations"].([]any) {
		assert.Equal(t, "world", one.(obj)["conversationId"], "no chat comes of it")
	}

	outcome := a.get("/api/messages/outcome?tempMessageId=same")
	assert.Equal(t, "stored", outcome.Body["status"])
	assert.Equal(t, first.Body["messageId"], outcome.Body["messageId"])
	assert.Equal(t, "unknown", a.get("/api/messages/outcome?tempMessageId=never").Body["status"])
}

func TestOperations(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 200, call(t, "GET", "/healthz", "", nil).Status)
	assert.Equal(t, 200, call(t, "GET", "/livez", "", nil).Status)
	// A database replica that is behind for a moment makes the state "degraded".
	assert.Eventually(t, func() bool {
		ready := call(t, "GET", "/readyz", "", nil)
		checks, _ := ready.Body["checks"].(map[string]any)
		return ready.Status == 200 && checks["queue"] == "ok" && (checks["database"] == "ok" || checks["repo"] == "ok")
	}, 30*time.Second, 100*time.Millisecond, "the queue and the database are well, in this process or in another one")
	assert.True(t, bytes.Contains(call(t, "GET", "/metrics", "", nil).Raw, []byte("gochat_gateway_connections")))
	assert.Contains(t, string(call(t, "GET", "/openapi.yaml", "", nil).Raw), "openapi: 3.1")
	assert.Contains(t, string(call(t, "GET", "/", "", nil).Raw), "<!doctype html>")
	missing := call(t, "GET", "/api/nothing/here", newUser(t).token, nil)
	assert.Equal(t, 404, missing.Status)
	assert.Equal(t, "not_found", missing.code())
}
