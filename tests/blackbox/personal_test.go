package blackbox

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (u *user) remove(path string) answer {
	u.t.Helper()
	return call(u.t, "DELETE", path, u.token, nil)
}

// again logs in and returns the same user with a new token.
func (u *user) again() *user {
	u.t.Helper()
	a := call(u.t, "POST", "/api/auth/login", "", enc(obj{"username": u.name, "password": u.plain}))
	require.Equal(u.t, 200, a.Status, "%s", a.Raw)
	other := *u
	other.token = a.Body["token"].(string)
	return &other
}

// devices returns the user's devices, and whether each is online.
func (u *user) devices() map[string]bool {
	u.t.Helper()
	a := u.get("/api/devices")
	require.Equal(u.t, 200, a.Status, "%s", a.Raw)
	out := map[string]bool{}
	for _, d := range a.Body["devices"].([]any) {
		one := d.(obj)
		out[one["deviceId"].(string)] = one["online"].(bool)
		assert.WithinDuration(u.t, time.Now(), time.UnixMilli(int64(one["lastSeenAt"].(float64))), time.Minute)
	}
	return out
}

// settled waits until a device is offline and returns the user's devices then.
func (u *user) settled(device string) (all map[string]bool) {
	u.t.Helper()
	eventually(u.t, device+" is offline", func() bool {
		all = u.devices()
		return !all[device]
	})
	return all
}

func (u *user) refusedWith(device string) int {
	u.t.Helper()
	conn, resp, err := dial(u.t, "/ws?token="+url.QueryEscape(u.token)+"&deviceId="+url.QueryEscape(device), nil)
	if err == nil {
		_ = conn.Close()
		return http.StatusSwitchingProtocols
	}
	require.NotNil(u.t, resp)
	return resp.StatusCode
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	require.Eventually(t, so, patience, 20*time.Millisecond, what)
}

func TestDevices(t *testing.T) {
	t.Parallel()
	u, stranger := newUser(t), newUser(t)
	assert.Empty(t, u.devices())
	assert.Equal(t, 404, u.remove("/api/devices/phone").Status)
	odd := "My/phone ? 😀"
	lost := u.again()
	phone, laptop, plain := lost.open("phone"), u.open(odd), u.open("")
	stranger.open("phone")
	assert.Equal(t, map[string]bool{"phone": true, odd: true}, u.devices(), "at once, and only those that said who they are")
	require.NoError(t, laptop.conn.Close())
	eventually(t, "the laptop is offline and stays in the list", func() bool { on, there := u.devices()[odd]; return there && !on })
	assert.Equal(t, http.StatusSwitchingProtocols, u.refusedWith(odd))

	assert.Equal(t, 404, stranger.remove("/api/devices/"+url.PathEscape(odd)).Status, "it is another's")
	assert.Equal(t, 401, call(t, "DELETE", "/api/devices/phone", "", nil).Status)
	begin := time.Now()
	require.Equal(t, 204, u.remove("/api/devices/phone").Status)
	assert.Equal(t, "revoked", phone.close(4001).Text)
	t.Logf("closed after %s", time.Since(begin))
	assert.NotContains(t, u.devices(), "phone")
	assert.Contains(t, stranger.devices(), "phone")
	assert.Equal(t, 404, u.remove("/api/devices/phone").Status)
	plain.nothing("error")
	assert.Equal(t, 200, u.get("/api/users/me").Status, "a token that it has not used goes on")
	for range 3 { // on every gateway
		assert.Equal(t, 401, u.refusedWith("phone"), "though it is older than the revocation")
	}
	u.open("tablet")

	fresh := u.again()
	again := fresh.open("phone")
	assert.Equal(t, true, u.devices()["phone"], "it has logged in anew")
	again.nothing("error")
	for range 3 {
		assert.Equal(t, 401, u.refusedWith("phone"), "older tokens stay refused")
	}
	require.Equal(t, 204, fresh.remove("/api/devices/phone").Status, "even one's own")
	again.close(4001)
	assert.Equal(t, 401, fresh.get("/api/users/me").Status)
	assert.Equal(t, map[string]bool{"tablet": true, odd: false}, u.devices())
	last := u.again()
	require.Equal(t, 204, last.remove("/api/devices/"+url.PathEscape(odd)).Status)
	assert.Equal(t, 401, u.get("/api/users/me").Status, "it was the laptop's and the tablet's")
	assert.Equal(t, map[string]bool{"tablet": false}, last.settled("tablet"))
}

// TestRevocationIsQuick: a logout and a revoked device close sockets everywhere
// within a second.
func TestRevocationIsQuick(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	first, other := u.again(), u.again()
	sockets := []*socket{first.open("d0")}
	for i := range 5 {
		sockets = append(sockets, other.open(fmt.Sprint("d", 1+i)))
	}
	// The limit of a second is for an idle machine: the time that this machine needs for simple
	// calls is added to it.
	begin := time.Now()
	for range 10 {
		require.Equal(t, 200, u.get("/api/users/me").Status)
	}
	limit := time.Second + time.Since(begin)
	begin = time.Now()
	require.Equal(t, 204, u.remove("/api/devices/d0").Status)
	sockets[0].close(4001)
	assert.Less(t, time.Since(begin), limit)
	begin = time.Now()
	require.Equal(t, 204, other.post("/api/auth/logout", obj{}).Status)
	for _, s := range sockets[1:] {
		s.close(4001)
	}
	assert.Less(t, time.Since(begin), limit)
}

// positions returns what the user is told of the peer's positions in a single chat, which the list of chats has
// as well.
func (u *user) positions(conv string) []any {
	u.t.Helper()
	one := u.get("/api/conversations/" + conv)
	require.Equal(u.t, 200, one.Status)
	for _, c := range u.get("/api/conversations").Body["conversations"].([]any) {
		if c := c.(obj); c["conversationId"] == conv {
			assert.Equal(u.t, one.Body["peerReadSeq"], c["peerReadSeq"])
			assert.Equal(u.t, one.Body["peerDeliveredSeq"], c["peerDeliveredSeq"])
		} else {
			assert.NotContains(u.t, c, "peerReadSeq")
		}
	}
	return []any{one.Body["peerReadSeq"], one.Body["peerDeliveredSeq"]}
}

func TestDelivered(t *testing.T) {
	t.Parallel()
	a, b, stranger := newUser(t), newUser(t), newUser(t)
	conv := a.chatWith(b)
	for i := range 3 {
		require.Equal(t, 200, a.say(obj{"conversationId": conv}, "x", fmt.Sprint("d", i)).Status)
	}
	positions := func(u *user) []any { t.Helper(); return u.positions(conv) }
	assert.Equal(t, []any{0.0, 0.0}, positions(a))
	assert.Equal(t, []any{3.0, 3.0}, positions(b))
	sender, receiver, outsider := a.open(""), b.open(""), stranger.open("")
	outsider.send("delivered", obj{"conversationId": conv, "seqId": 3})
	receiver.send("delivered", obj{"conversationId": conv, "seqId": 1})
	receiver.send("delivered", obj{"conversationId": conv, "seqId": 2})
	receiver.send("delivered", obj{"conversationId": "world", "seqId": 2})
	for at := 0.0; at < 2; { // one frame for both, or two when the interval ended in between
		f := sender.next("delivered")
		assert.Equal(t, []any{conv, b.id}, []any{f["conversationId"], f["userId"]})
		require.Greater(t, f["deliveredSeq"].(float64), at)
		at = f["deliveredSeq"].(float64)
	}
	assert.Equal(t, []any{0.0, 2.0}, positions(a))
	receiver.send("delivered", obj{"conversationId": conv, "seqId": 99})
	assert.Equal(t, 3.0, sender.next("delivered")["deliveredSeq"], "never past the end")

	readers := func(u *user, seq, query string) answer {
		return u.get("/api/conversations/" + conv + "/messages/" + seq + "/readers" + query)
	}
	got := readers(a, "2", "").Body
	assert.Equal(t, obj{"readCount": 0.0, "deliveredCount": 1.0, "memberCount": 1.0, "readers": []any{}}, got)
	require.Equal(t, 200, b.post("/api/conversations/"+conv+"/read", obj{"seqId": 2}).Status)
	assert.Equal(t, []any{2.0, 3.0}, positions(a))
	for _, u := range []*user{a, b} {
		got = readers(u, "2", "?limit=1").Body
		assert.Equal(t, obj{"readCount": 1.0, "deliveredCount": 1.0, "memberCount": 1.0, "readers": []any{obj{"userId": b.id, "readSeq": 2.0}}}, got)
	}
	assert.Equal(t, 0.0, readers(a, "3", "").Body["readCount"])
	assert.Equal(t, 404, readers(stranger, "2", "").Status)
	for _, seq := range []string{"0", "4", "x", "9223372036854775807", "18446744073709551615"} {
		assert.Equal(t, 404, readers(a, seq, "").Status, seq)
	}
	assert.Equal(t, 400, readers(a, "2", "?limit=101").Status)
	assert.Equal(t, 400, readers(a, "2", "?cursor=x").Status)
	world := a.get("/api/conversations/world/messages/1/readers")
	assert.Equal(t, []any{403, "permission_denied"}, []any{world.Status, world.code()})
	for _, bad := range []obj{{}, {"conversationId": conv}, {"conversationId": "x", "seqId": 1}, {"conversationId": conv, "seqId": "1"}} {
		receiver.send("delivered", bad)
		f := receiver.next("error")
		assert.Equal(t, []any{"invalid_argument", "delivered"}, []any{f["code"], f["ref"]}, bad)
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	a, b, stranger := newUser(t), newUser(t), newUser(t)
	conv := a.chatWith(b)
	ask := func(ids string) []any {
		got := a.get("/api/presence?userIds=" + ids)
		require.Equal(t, 200, got.Status, "%s", got.Raw)
		return got.Body["presence"].([]any)
	}
	assert.Empty(t, ask(b.id), "a chat that one has made shows one nobody")
	require.Equal(t, 200, a.say(obj{"conversationId": conv}, "hi", "a1").Status)
	require.Equal(t, 200, b.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "react", "reaction": "👍", "tempMessageId": "b0"}).Status)
	assert.Empty(t, ask(b.id), "nor does a reaction")
	require.Equal(t, 200, b.say(obj{"conversationId": conv}, "hi", "b1").Status)
	assert.ElementsMatch(t, []any{obj{"userId": b.id, "online": false}, obj{"userId": a.id, "online": false}},
		ask(b.id+","+stranger.id+","+a.id+",1"), "of strangers nothing is said")
	watcher := a.open("")
	stranger.open("")
	watcher.send("presence-subscribe", obj{"userIds": []string{b.id, stranger.id}})
	assert.Equal(t, obj{"userId": b.id, "online": false}, watcher.next("presence"))
	phone := b.open("phone")
	begin := time.Now()
	assert.Equal(t, obj{"userId": b.id, "online": true}, watcher.next("presence"))
	t.Logf("seen after %s", time.Since(begin))
	assert.Equal(t, []any{obj{"userId": b.id, "online": true}}, ask(b.id+","+stranger.id))
	plain := b.open("")
	require.NoError(t, phone.conn.Close())
	eventually(t, "the phone is offline", func() bool { return !b.devices()["phone"] })
	assert.Equal(t, []any{obj{"userId": b.id, "online": true}}, ask(b.id), "another socket is left")
	require.NoError(t, plain.conn.Close())
	gone := watcher.next("presence")
	assert.Equal(t, false, gone["online"])
	assert.WithinDuration(t, time.Now(), time.UnixMilli(int64(gone["lastSeenAt"].(float64))), time.Minute)
	watcher.send("presence-subscribe", obj{"userIds": []string{}})
	watcher.nothing("presence", "error")
	for _, bad := range []obj{{}, {"userIds": b.id}, {"userIds": []int{1}}, {"userIds": []string{"x"}}} {
		watcher.send("presence-subscribe", bad)
		f := watcher.next("error")
		assert.Equal(t, []any{"invalid_argument", "presence-subscribe"}, []any{f["code"], f["ref"]}, bad)
	}
	assert.Equal(t, 400, a.get("/api/presence").Status)
	assert.Equal(t, 400, a.get("/api/presence?userIds=x").Status)
}
