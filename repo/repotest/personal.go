package repotest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func (c *clients) note(t *testing.T, seen ...*pb.SeenDevice) {
	t.Helper()
	_, err := c.NoteDevices(t.Context(), &pb.NoteDevicesRequest{Devices: seen})
	require.NoError(t, err)
}

// known are the devices in a user's list, "id at".
func (c *clients) known(t *testing.T, user int64) (out []string) {
	t.Helper()
	list, err := c.KnownDevices(t.Context(), &pb.KnownDevicesRequest{UserId: user})
	require.NoError(t, err)
	for _, d := range list.GetDevices() {
		out = append(out, fmt.Sprint(d.GetDeviceId(), " ", d.GetLastSeenAt()))
	}
	return out
}

func devices(t *testing.T, c *clients) {
	a, b := c.user(t), c.user(t)
	seen := func(user int64, device string, at, issued int64) *pb.SeenDevice {
		return &pb.SeenDevice{UserId: user, DeviceId: device, SeenAt: at, IssuedAt: issued}
	}
	// Ids are bytes: case, spaces at the end and every letter count.
	odd := "Phone ' \" \\ ? % \x00 é 😀"
	c.note(t, seen(a, "phone", 10, 5), seen(a, "Phone", 11, 5), seen(a, "phone ", 12, 5), seen(a, odd, 13, 5), seen(b, "phone", 14, 5), seen(a, "", 99, 5))
	c.note(t, seen(a, "phone", 9, 5), seen(a, "phone", 8, 5))
	assert.Equal(t, []string{odd + " 13", "phone  12", "Phone 11", "phone 10"}, c.known(t, a), "newest first, never back")
	c.note(t, seen(a, "phone", 20, 5), seen(a, "phone", 15, 5))
	assert.Equal(t, "phone 20", c.known(t, a)[0])

	last, err := c.LastSeen(t.Context(), &pb.LastSeenRequest{UserIds: []int64{a, b, nextID()}})
	require.NoError(t, err)
	assert.Equal(t, map[int64]int64{a: 99, b: 14}, last.GetLastSeenAt())

	forbid := func(user int64, device string, at int64) *pb.ForbidDeviceResponse {
		out, err := c.ForbidDevice(t.Context(), &pb.ForbidDeviceRequest{UserId: user, DeviceId: device, At: at})
		require.NoError(t, err)
		return out
	}
	token := fmt.Sprint("jti", nextID())
	check := func(user int64, device string) *pb.CheckDeviceResponse {
		out, err := c.CheckDevice(t.Context(), &pb.CheckDeviceRequest{TokenId: token, UserId: user, DeviceId: device})
		require.NoError(t, err)
		return out
	}
	for range 2 { // from the database, and from the cache
		assert.Zero(t, check(a, "phone").GetRevokedAt())
		assert.False(t, check(a, "phone").GetTokenRevoked())
	}
	assert.False(t, forbid(a, "tablet", 50).GetListed(), "there is none")
	done := forbid(a, "phone", 50)
	assert.True(t, done.GetListed())
	assert.EqualValues(t, 50, done.GetRevokedAt())
	again := forbid(a, "phone", 60)
	assert.False(t, again.GetListed())
	assert.EqualValues(t, 50, again.GetRevokedAt(), "it says when that was")
	assert.NotContains(t, strings.Join(c.known(t, a), ","), "phone 20")
	assert.Len(t, c.known(t, b), 1, "another user's stays")
	for range 2 {
		assert.EqualValues(t, 50, check(a, "phone").GetRevokedAt())
		assert.Zero(t, check(a, "Phone").GetRevokedAt())
		assert.Zero(t, check(b, "phone").GetRevokedAt())
		require.NoError(t, c.flush(t.Context()))
	}

	c.note(t, seen(a, "phone", 70, 49))
	assert.Len(t, c.known(t, a), 3, "its old sockets do not bring it back")
	c.note(t, seen(a, "phone", 45, 50))
	assert.Contains(t, c.known(t, a), "phone 45", "a new login does, whatever the gateway's clock")
	assert.EqualValues(t, 50, check(a, "phone").GetRevokedAt(), "and older tokens stay refused")
	assert.True(t, forbid(a, "phone", 40).GetListed())
	assert.EqualValues(t, 50, check(a, "phone").GetRevokedAt(), "never back")

	_, err = c.RevokeToken(t.Context(), &pb.RevokeTokenRequest{TokenId: token, UserId: a, ExpiresAt: time.Now().Add(time.Hour).UnixMilli()})
	require.NoError(t, err)
	assert.True(t, check(a, "Phone").GetTokenRevoked())
	require.NoError(t, c.flush(t.Context()))
	assert.True(t, check(a, "Phone").GetTokenRevoked(), "the database knows")
}

// deviceCap: the devices that were not seen for the longest time go.
func deviceCap(t *testing.T, c *clients) {
	user := nextID()
	var batch []*pb.SeenDevice
	for i := range int64(130) {
		batch = append(batch, &pb.SeenDevice{UserId: user, DeviceId: fmt.Sprint("d", i), SeenAt: 1000 + i, IssuedAt: 1})
	}
	c.note(t, batch...)
	c.note(t, &pb.SeenDevice{UserId: user, SeenAt: 5000, IssuedAt: 1})
	got := c.known(t, user)
	require.Len(t, got, 100)
	assert.Equal(t, "d129 1129", got[0])
	assert.Equal(t, "d30 1030", got[99])
	c.note(t, &pb.SeenDevice{UserId: user, DeviceId: "d30", SeenAt: 3000, IssuedAt: 1}, &pb.SeenDevice{UserId: user, DeviceId: "new", SeenAt: 3001, IssuedAt: 1})
	got = c.known(t, user)
	require.Len(t, got, 100)
	assert.Equal(t, []string{"new 3001", "d30 3000", "d129 1129"}, got[:3])
	assert.Equal(t, "d32 1032", got[99])
}

func online(t *testing.T, c *clients) {
	gw, other, a, b := fmt.Sprint("gw", nextID()), fmt.Sprint("gw", nextID()), nextID(), nextID()
	beat := func(id string) {
		at := ""
		for range 2 {
			out, err := c.Beat(t.Context(), &pb.BeatRequest{GatewayId: id, Ready: true, PutAt: &at})
			require.NoError(t, err)
			at = out.GetAt()
		}
	}
	present := func() []int64 {
		out, err := c.Present(t.Context(), &pb.PresentRequest{UserIds: []int64{a, b}})
		require.NoError(t, err)
		slices.Sort(out.GetOnline())
		return out.GetOnline()
	}
	put := func(user int64, gateway, device string) *pb.Session {
		s := &pb.Session{UserId: user, ConnectionId: gateway + device, GatewayId: gateway, DeviceId: device, LoginAt: 1}
		_, err := c.PutSessions(t.Context(), &pb.PutSessionsRequest{Sessions: []*pb.Session{s}})
		require.NoError(t, err)
		return s
	}
	beat(gw)
	c.note(t, &pb.SeenDevice{UserId: a, DeviceId: "p|q", SeenAt: 2, IssuedAt: 1}, &pb.SeenDevice{UserId: a, DeviceId: "old", SeenAt: 1, IssuedAt: 1})
	assert.Empty(t, present())
	one := put(a, gw, "p|q")
	put(b, "gw-that-never-was", "x")
	assert.Equal(t, []int64{a}, present())
	list, err := c.KnownDevices(t.Context(), &pb.KnownDevicesRequest{UserId: a})
	require.NoError(t, err)
	assert.True(t, list.GetDevices()[0].GetOnline())
	assert.False(t, list.GetDevices()[1].GetOnline())

	beat(other)
	put(b, other, "")
	assert.Equal(t, []int64{a, b}, present(), "a gateway that has just joined")
	two := put(a, gw, "second")
	registered := func(list ...*pb.Session) []bool {
		got, err := c.Registered(t.Context(), &pb.RegisteredRequest{Sessions: list})
		require.NoError(t, err)
		return got.GetRegistered()
	}
	never := &pb.Session{UserId: a, ConnectionId: "never", GatewayId: gw}
	assert.Equal(t, []bool{true, false, true}, registered(one, never, two))
	_, err = c.RemoveSession(t.Context(), &pb.RemoveSessionRequest{Session: two})
	require.NoError(t, err)
	_, err = c.RemoveSessions(t.Context(), &pb.RemoveSessionsRequest{Sessions: []*pb.Session{never, one, two}})
	require.NoError(t, err)
	assert.Equal(t, []bool{false, false, false}, registered(one, never, two))
	assert.Equal(t, []int64{b}, present())
	_, err = c.Leave(t.Context(), &pb.LeaveRequest{GatewayId: other})
	require.NoError(t, err)
	assert.Empty(t, present())
	_, err = c.Leave(t.Context(), &pb.LeaveRequest{GatewayId: gw})
	require.NoError(t, err)
}

// watched: whoever asks who is online as a watcher is named when the users come and go, to callers who want to know.
func watched(t *testing.T, c *clients) {
	user := nextID()
	gw, other := fmt.Sprint("gw", user), fmt.Sprint("gw", nextID())
	_, err := c.Beat(t.Context(), &pb.BeatRequest{GatewayId: gw, Ready: true, Announces: true})
	require.NoError(t, err)
	ask := func(watcher string) *pb.PresentResponse {
		out, err := c.Present(t.Context(), &pb.PresentRequest{UserIds: []int64{user}, WatcherId: watcher})
		require.NoError(t, err)
		return out
	}
	sessions := []*pb.Session{
		{UserId: user, ConnectionId: "one" + gw, GatewayId: gw, LoginAt: 1},
		{UserId: user, ConnectionId: "two" + gw, GatewayId: gw, LoginAt: 1},
		{UserId: nextID(), ConnectionId: "else" + gw, GatewayId: gw, LoginAt: 1},
	}
	changes := func(want bool) (came, left []*pb.Watched) {
		put, err := c.PutSessions(t.Context(), &pb.PutSessionsRequest{Sessions: sessions, WantWatchers: want})
		require.NoError(t, err)
		gone, err := c.RemoveSessions(t.Context(), &pb.RemoveSessionsRequest{Sessions: sessions, WantWatchers: want})
		require.NoError(t, err)
		return put.GetWatched(), gone.GetWatched()
	}
	assert.False(t, ask("").GetWatched())
	came, left := changes(true)
	assert.Empty(t, came, "nobody watches")
	assert.Empty(t, left)
	ask(other)
	came, left = changes(true)
	for _, list := range [][]*pb.Watched{came, left} {
		require.Len(t, list, 1)
		assert.Equal(t, user, list[0].GetUserId())
		assert.Equal(t, []string{other}, list[0].GetGatewayIds())
	}
	came, left = changes(false)
	assert.Empty(t, came, "nobody wants to know")
	assert.Empty(t, left)
	_, err = c.Leave(t.Context(), &pb.LeaveRequest{GatewayId: gw})
	require.NoError(t, err)
}

func delivered(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	for i := range 5 {
		c.save(t, message(conv, a, fmt.Sprint("d", i)))
	}
	stranger := c.user(t)
	to := func(user int64, conv string, seq uint64) *pb.DeliveredTo {
		return &pb.DeliveredTo{UserId: user, ConversationId: conv, SeqId: seq}
	}
	mark := func(list ...*pb.DeliveredTo) (out []string) {
		got, err := c.MarkDelivered(t.Context(), &pb.MarkDeliveredRequest{Delivered: list})
		require.NoError(t, err)
		for _, m := range got.GetMoved() {
			assert.Equal(t, pb.ConversationType_CONVERSATION_TYPE_SINGLE, m.GetType())
			assert.Equal(t, a+b-m.GetUserId(), m.GetPeerId())
			out = append(out, fmt.Sprint(m.GetUserId() == b, m.GetDeliveredSeq()))
		}
		return out
	}
	seen := func(user int64) [2]uint64 {
		one, err := c.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: conv, UserId: user})
		require.NoError(t, err)
		page, err := c.ListConversations(t.Context(), &pb.ListConversationsRequest{UserId: user, Limit: 5})
		require.NoError(t, err)
		for _, listed := range page.GetConversations() {
			if listed.GetConversationId() == conv {
				assert.Equal(t, one.GetConversation().GetPeerReadSeq(), listed.GetPeerReadSeq())
				assert.Equal(t, one.GetConversation().GetPeerDeliveredSeq(), listed.GetPeerDeliveredSeq())
			} else {
				assert.Zero(t, listed.GetPeerReadSeq(), "world has no peer")
			}
		}
		return [2]uint64{one.GetConversation().GetPeerReadSeq(), one.GetConversation().GetPeerDeliveredSeq()}
	}
	assert.Equal(t, [2]uint64{0, 0}, seen(a))
	assert.Equal(t, [2]uint64{5, 5}, seen(b), "who sends has read")
	assert.Empty(t, mark())
	assert.Empty(t, mark(to(stranger, conv, 3), to(b, "single_0000000000000000", 3), to(b, "group_1", 3)))
	assert.Equal(t, []string{"true 2"}, mark(to(b, conv, 1), to(b, conv, 2), to(stranger, conv, 9)))
	assert.Empty(t, mark(to(b, conv, 2)), "once")
	assert.Empty(t, mark(to(b, conv, 1), to(a, conv, 5)), "never back; reading implies it")
	assert.Equal(t, [2]uint64{0, 2}, seen(a))
	_, err := c.MarkRead(t.Context(), &pb.MarkReadRequest{ConversationId: conv, UserId: b, SeqId: 4})
	require.NoError(t, err)
	assert.Equal(t, [2]uint64{4, 4}, seen(a))
	assert.Equal(t, []string{"true 5"}, mark(to(b, conv, 1<<62)), "never past the end")
	assert.Equal(t, [2]uint64{4, 5}, seen(a))
}

func readers(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	for i := range 3 {
		c.save(t, message(conv, a, fmt.Sprint("q", i)))
	}
	ask := func(user int64, seq uint64) (*pb.ReadersResponse, error) {
		return c.Readers(t.Context(), &pb.ReadersRequest{UserId: user, ConversationId: conv, SeqId: seq, Limit: 10})
	}
	counts := func(seq uint64) string {
		got, err := ask(a, seq)
		require.NoError(t, err)
		assert.False(t, got.GetHasMore())
		assert.Len(t, got.GetReaders(), int(got.GetReadCount()))
		return fmt.Sprint(got.GetReadCount(), got.GetDeliveredCount(), got.GetMemberCount())
	}
	assert.Equal(t, "0 0 1", counts(2))
	_, err := c.MarkDelivered(t.Context(), &pb.MarkDeliveredRequest{Delivered: []*pb.DeliveredTo{{UserId: b, ConversationId: conv, SeqId: 2}}})
	require.NoError(t, err)
	assert.Equal(t, "0 1 1", counts(2))
	assert.Equal(t, "0 0 1", counts(3))
	_, err = c.MarkRead(t.Context(), &pb.MarkReadRequest{ConversationId: conv, UserId: b, SeqId: 3})
	require.NoError(t, err)
	assert.Equal(t, "1 1 1", counts(3))
	got, err := ask(b, 1)
	require.NoError(t, err)
	assert.Equal(t, b, got.GetReaders()[0].GetUserId(), "not the sender")
	assert.EqualValues(t, 3, got.GetReaders()[0].GetReadSeq())
	for _, seq := range []uint64{0, 4, 1 << 62} {
		_, err = ask(a, seq)
		assert.Equal(t, contracts.CodeNotFound, code(err), seq)
	}
	_, err = ask(c.user(t), 1)
	assert.Equal(t, contracts.CodeNotFound, code(err))
}
