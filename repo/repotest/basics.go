package repotest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func accounts(t *testing.T, c *clients) {
	id := c.user(t)
	_, err := c.CreateUser(t.Context(), &pb.CreateUserRequest{User: &pb.User{UserId: nextID(), Username: fmt.Sprint("u", id)}, PasswordHash: "x"})
	assert.Equal(t, contracts.CodeUsernameTaken, code(err), "another case is the same name")
	found, err := c.FindUser(t.Context(), &pb.FindUserRequest{Username: fmt.Sprint("u", id)})
	require.NoError(t, err)
	assert.Equal(t, id, found.GetUser().GetUserId())
	creds, err := c.GetCredentials(t.Context(), &pb.GetCredentialsRequest{Username: fmt.Sprint("U", id)})
	require.NoError(t, err)
	assert.Equal(t, "hash", creds.GetPasswordHash())
	_, err = c.GetUser(t.Context(), &pb.GetUserRequest{UserId: id})
	require.NoError(t, err)
	nick := "Änne"
	_, err = c.UpdateUser(t.Context(), &pb.UpdateUserRequest{UserId: id, Nickname: &nick})
	require.NoError(t, err)
	got, err := c.GetUser(t.Context(), &pb.GetUserRequest{UserId: id})
	require.NoError(t, err)
	assert.Equal(t, nick, got.GetUser().GetNickname(), "the cache has the new one")
	_, err = c.GetUser(t.Context(), &pb.GetUserRequest{UserId: 1})
	assert.Equal(t, contracts.CodeNotFound, code(err))
	_, err = c.FindUser(t.Context(), &pb.FindUserRequest{Username: "nobody"})
	assert.Equal(t, contracts.CodeNotFound, code(err))
}

func tokens(t *testing.T, c *clients) {
	id := fmt.Sprint("jti", nextID())
	revoked := func() bool {
		out, err := c.IsTokenRevoked(t.Context(), &pb.IsTokenRevokedRequest{TokenId: id})
		require.NoError(t, err)
		return out.GetRevoked()
	}
	assert.False(t, revoked())
	for range 2 {
		_, err := c.RevokeToken(t.Context(), &pb.RevokeTokenRequest{TokenId: id, UserId: 1, ExpiresAt: time.Now().Add(time.Hour).UnixMilli()})
		require.NoError(t, err)
	}
	assert.True(t, revoked())
	require.NoError(t, c.flush(t.Context()))
	assert.True(t, revoked(), "the database knows")
}

func singles(t *testing.T, c *clients) {
	a, b := c.user(t), c.user(t)
	var wg sync.WaitGroup
	var made atomic.Int64
	for i := range 16 {
		wg.Go(func() {
			in := &pb.EnsureSingleRequest{UserId: a, PeerId: b}
			if i%2 == 0 {
				in = &pb.EnsureSingleRequest{UserId: b, PeerId: a}
			}
			out, err := c.EnsureSingle(t.Context(), in)
			if assert.NoError(t, err) && out.GetCreated() {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, made.Load())
	_, err := c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: a, PeerId: a})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err))
	_, err = c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: a, PeerId: 1})
	assert.Equal(t, contracts.CodeNotFound, code(err))
}

func reads(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	for i := range 5 {
		c.save(t, message(conv, a, fmt.Sprint("r", i)))
	}
	for _, step := range []struct {
		seq, want uint64
		moved     bool
	}{{2, 2, true}, {1, 2, false}, {2, 2, false}, {99, 5, true}, {99, 5, false}} {
		got, err := c.MarkRead(t.Context(), &pb.MarkReadRequest{ConversationId: conv, UserId: b, SeqId: step.seq})
		require.NoError(t, err)
		assert.Equal(t, step.want, got.GetReadSeq())
		assert.Equal(t, step.moved, got.GetMoved())
		assert.Equal(t, a, got.GetPeerId())
	}
	_, err := c.MarkRead(t.Context(), &pb.MarkReadRequest{ConversationId: conv, UserId: c.user(t), SeqId: 1})
	assert.Equal(t, contracts.CodeNotFound, code(err))
}

func listing(t *testing.T, c *clients) {
	me := c.user(t)
	var convs []string
	for i := range 5 {
		peer := c.user(t)
		got, err := c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: me, PeerId: peer})
		require.NoError(t, err)
		convs = append([]string{got.GetConversationId()}, convs...)
		m := message(got.GetConversationId(), peer, "l")
		m.Timestamp = time.Now().Add(time.Duration(i+1) * time.Hour).UnixMilli()
		c.save(t, m)
	}
	var listed []string
	cursor := ""
	for range 10 {
		page, err := c.ListConversations(t.Context(), &pb.ListConversationsRequest{UserId: me, Limit: 2, Cursor: cursor})
		require.NoError(t, err)
		for _, one := range page.GetConversations() {
			if one.GetType() == pb.ConversationType_CONVERSATION_TYPE_SINGLE {
				listed = append(listed, one.GetConversationId())
				assert.NotNil(t, one.GetPeer())
				assert.NotNil(t, one.GetLastMessage())
			}
		}
		if cursor = page.GetNextCursor(); cursor == "" {
			break
		}
	}
	assert.Equal(t, convs, listed, "newest message first")
	_, err := c.ListConversations(t.Context(), &pb.ListConversationsRequest{UserId: me, Limit: 501})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err), "it is not cut silently")
	_, err = c.ListConversations(t.Context(), &pb.ListConversationsRequest{UserId: me, Limit: 2, Cursor: "nonsense"})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err))

	got, err := c.Sync(t.Context(), &pb.SyncRequest{UserId: me, Limit: 10, Have: map[string]uint64{convs[0]: 1}})
	require.NoError(t, err)
	news := map[string]int{}
	for _, one := range got.GetConversations() {
		news[one.GetConversationId()] = len(one.GetMessages())
	}
	assert.NotContains(t, news, convs[0], "nothing new there")
	for _, id := range convs[1:] {
		assert.Equal(t, 1, news[id])
	}
}

func sessions(t *testing.T, c *clients) {
	gw, user := fmt.Sprint("gw", nextID()), nextID()
	session := func(conn string, at int64) *pb.Session {
		return &pb.Session{UserId: user, ConnectionId: conn, GatewayId: gw, DeviceId: "d", LoginAt: at}
	}
	at := ""
	beat := func(ready bool) bool { // of a gateway that has put all its sessions since the last one
		out, err := c.Beat(t.Context(), &pb.BeatRequest{GatewayId: gw, Ready: ready, PutAt: &at})
		require.NoError(t, err)
		at = out.GetAt()
		return out.GetFresh()
	}
	reached := func() (precise, every bool) {
		out, err := c.Locate(t.Context(), &pb.LocateRequest{UserIds: []int64{user, user + 1<<40}})
		require.NoError(t, err)
		for _, g := range out.GetGateways() {
			if g.GetGatewayId() == gw {
				assert.Equal(t, []int64{user}, g.GetUserIds())
				precise = true
			}
		}
		for _, g := range out.GetStaleGateways() {
			every = every || g == gw
		}
		return precise, every
	}
	assert.True(t, beat(true), "unknown so far")
	_, every := reached()
	assert.True(t, every, "a gateway whose entries are not whole gets everything")
	_, err := c.PutSessions(t.Context(), &pb.PutSessionsRequest{Sessions: []*pb.Session{session("one", 2)}})
	require.NoError(t, err)
	assert.False(t, beat(true))
	precise, every := reached()
	assert.True(t, precise)
	assert.False(t, every)

	_, err = c.RemoveSession(t.Context(), &pb.RemoveSessionRequest{Session: session("one", 1)})
	require.NoError(t, err)
	precise, _ = reached()
	assert.True(t, precise, "an older entry's removal takes nothing away")

	require.NoError(t, c.flush(t.Context()))
	if c.keepsSessions {
		precise, every = reached()
		assert.True(t, precise)
		assert.False(t, every)
	} else {
		require.Eventually(t, func() bool { // the list of live gateways is believed for a second
			precise, every = reached()
			return every
		}, 5*time.Second, 20*time.Millisecond, "a lost cache loses no recipient")
		assert.True(t, beat(true), "and the gateway is told to say everything again")
	}

	_, err = c.Leave(t.Context(), &pb.LeaveRequest{GatewayId: gw})
	require.NoError(t, err)
	require.Eventually(t, func() bool { precise, every = reached(); return !precise && !every }, 5*time.Second, 20*time.Millisecond)
}
