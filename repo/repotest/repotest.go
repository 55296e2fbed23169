// Package repotest is what the storage role has to do on every database and every
// cache, asked over its own services.
package repotest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
)

// Role is an open storage role.
type Role interface {
	Register(on grpc.ServiceRegistrar)
}

// Suite is a role under test.
type Suite struct {
	Role Role
	// FlushCache empties its cache, as a restart would.
	FlushCache func(ctx context.Context) error
	// KeepsSessions: who is connected is not lost with the rest, but with the process only.
	KeepsSessions bool
}

// clients are the role's services.
type clients struct {
	pb.MessageRepoClient
	pb.ConversationRepoClient
	pb.UserRepoClient
	pb.SessionRepoClient
	pb.GroupRepoClient
	pb.FeedRepoClient
	pb.SearchRepoClient
	pb.LimitRepoClient
	pb.DeviceRepoClient
	pb.ReceiptRepoClient
	pb.PresenceRepoClient
	pb.PoisonRepoClient
	pb.RetentionRepoClient
	flush         func(ctx context.Context) error
	keepsSessions bool
}

var lastID atomic.Int64

func init() { lastID.Store(time.Now().UnixMilli() << 20) } //nolint:gochecknoinits // runs on one database must not meet

func nextID() int64 { return lastID.Add(1) }

// Run runs the suite. Users and conversations are its own, so a database may be
// used again.
func Run(t *testing.T, s Suite) {
	t.Helper()
	c := connect(s)
	for name, test := range map[string]func(*testing.T, *clients){
		"users":                                 accounts,
		"tokens":                                tokens,
		"single chats are made once":            singles,
		"numbers follow each other":             numbers,
		"a key is stored once":                  keys,
		"refusals hurt nobody else":             refusals,
		"what was given up is never stored":     givenUp,
		"giving up while it is stored":          givenUpMeanwhile,
		"history by every bound":                history,
		"read positions":                        reads,
		"list and sync":                         listing,
		"unread counts messages":                unread,
		"unread in groups":                      unreadOfGroups,
		"sync of many":                          syncing,
		"sync of who is ahead":                  syncingAhead,
		"numbers survive the loss of the cache": flushUnderLoad,
		"sessions":                              sessions,
		"members of groups come and go":         membersComeAndGo,
		"who may change a group":                preconditions,
		"a group announces what changes":        announcements,
		"a dissolved group is left":             leavingDissolved,
		"members change under load":             membersUnderLoad,
		"a shrinking group counts as large":     shrinking,
		"messages change":                       messagesChange,
		"changes that are refused":              changesRefused,
		"changes and the cache":                 changesAndCache,
		"a hook gets what is stored":            hookTakes,
		"a hook begins now or with everything":  hookBegins,
		"two take for a hook":                   hookSharers,
		"a scan finds what nobody told":         hookScans,
		"search":                                searching,
		"search is for members":                 searchIsForMembers,
		"pages of a search":                     searchPages,
		"limits":                                limits,
		"marks":                                 marks,
		"limits that make no sense":             badLimits,
		"devices":                               devices,
		"tokens of devices":                     deviceTokens,
		"as many tokens as a device may have":   deviceTokenCap,
		"signing out everywhere":                signOut,
		"tokens of nobody":                      orphans,
		"a device is revoked while it is used":  revokedInUse,
		"as many devices as are remembered":     deviceCap,
		"who is online":                         online,
		"who has written":                       wrote,
		"delivered positions":                   delivered,
		"readers":                               readers,
		"poisoned records":                      poisoned,
		"poisoned records are forgotten":        forgetting,
		"messages expire":                       expiring,
		"what has expired takes no changes":     expiredRefuses,
		"what has expired is so everywhere":     expiredEverywhere,
		"many messages expire":                  expiringMany,
	} {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

func connect(s Suite) *clients {
	local := rpc.NewLocal()
	s.Role.Register(local)
	conn := rpc.WithTimeout(local, 10*time.Second)
	return &clients{
		pb.NewMessageRepoClient(conn), pb.NewConversationRepoClient(conn), pb.NewUserRepoClient(conn), pb.NewSessionRepoClient(conn),
		pb.NewGroupRepoClient(conn), pb.NewFeedRepoClient(conn), pb.NewSearchRepoClient(conn),
		pb.NewLimitRepoClient(conn), pb.NewDeviceRepoClient(conn), pb.NewReceiptRepoClient(conn), pb.NewPresenceRepoClient(conn),
		pb.NewPoisonRepoClient(conn), pb.NewRetentionRepoClient(conn), s.FlushCache, s.KeepsSessions,
	}
}

func (c *clients) user(t *testing.T) int64 {
	t.Helper()
	id := nextID()
	_, err := c.CreateUser(t.Context(), &pb.CreateUserRequest{
		User: &pb.User{UserId: id, Username: fmt.Sprint("U", id), Nickname: "Nick", CreatedAt: 1}, PasswordHash: "hash",
	})
	require.NoError(t, err)
	return id
}

func (c *clients) single(t *testing.T) (conv string, a, b int64) {
	t.Helper()
	a, b = c.user(t), c.user(t)
	got, err := c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: a, PeerId: b})
	require.NoError(t, err)
	return got.GetConversationId(), a, b
}

func message(conv string, sender int64, key string) *pb.Message {
	return &pb.Message{
		MessageId: nextID(), ConversationId: conv, SenderId: sender, Content: "hello " + key, MessageType: "text", TempMessageId: key, Timestamp: time.Now().UnixMilli(),
	}
}

func (c *clients) save(t *testing.T, run ...*pb.Message) []*pb.SaveResult {
	t.Helper()
	out, err := c.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: run})
	require.NoError(t, err)
	require.Len(t, out.GetResults(), len(run))
	return out.GetResults()
}

func code(err error) contracts.Code {
	if err == nil {
		return ""
	}
	return contracts.AsError(err).Code
}

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
		for _, g := range out.GetEveryGateway() {
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
