// Package repotest is what the storage role has to do on every database and every
// cache, asked over its own services.
package repotest

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// Suite is a role under test. FlushCache empties its cache, as a restart would.
type Suite struct {
	Role       Role
	FlushCache func(ctx context.Context) error
}

// clients are the role's services.
type clients struct {
	pb.MessageRepoClient
	pb.ConversationRepoClient
	pb.UserRepoClient
	pb.SessionRepoClient
	flush func(ctx context.Context) error
}

var lastID atomic.Int64

func init() { lastID.Store(time.Now().UnixMilli() << 20) } //nolint:gochecknoinits // runs on one database must not meet

func nextID() int64 { return lastID.Add(1) }

// Run runs the suite. Users and conversations are its own, so a database may be
// used again.
func Run(t *testing.T, s Suite) {
	t.Helper()
	local := rpc.NewLocal()
	s.Role.Register(local)
	conn := rpc.WithTimeout(local, 10*time.Second)
	c := &clients{
		pb.NewMessageRepoClient(conn), pb.NewConversationRepoClient(conn), pb.NewUserRepoClient(conn), pb.NewSessionRepoClient(conn), s.FlushCache,
	}
	for name, test := range map[string]func(*testing.T, *clients){
		"users":                                 accounts,
		"tokens":                                tokens,
		"single chats are made once":            singles,
		"numbers follow each other":             numbers,
		"a key is stored once":                  keys,
		"refusals hurt nobody else":             refusals,
		"history by every bound":                history,
		"read positions":                        reads,
		"list and sync":                         listing,
		"numbers survive the loss of the cache": flushUnderLoad,
		"sessions":                              sessions,
	} {
		t.Run(name, func(t *testing.T) { test(t, c) })
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

func numbers(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	run := make([]*pb.Message, 6)
	for i, proposed := range []uint64{0, 2, 1, 99, 5, 0} { // right ones, wrong ones, none
		run[i] = message(conv, []int64{a, b}[i%2], fmt.Sprint("n", i))
		run[i].SeqId = proposed
	}
	for i, r := range c.save(t, run...) {
		assert.Equal(t, pb.SaveResult_OUTCOME_STORED, r.GetOutcome())
		assert.EqualValues(t, i+1, r.GetMessage().GetSeqId(), "the database has the last word")
	}
	got, err := c.GetConversation(t.Context(), &pb.GetConversationRequest{ConversationId: conv, UserId: b})
	require.NoError(t, err)
	assert.EqualValues(t, 6, got.GetConversation().GetLastSeq())
	assert.EqualValues(t, 6, got.GetConversation().GetReadSeq(), "sending reads")
	assert.Equal(t, "n5", got.GetConversation().GetLastMessage().GetTempMessageId())

	keys := []*pb.ClientKey{{ConversationId: conv, SenderId: a, TempMessageId: "next"}}
	first, err := c.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{Keys: keys})
	require.NoError(t, err)
	again, err := c.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{Keys: keys})
	require.NoError(t, err)
	assert.Equal(t, []uint64{7}, first.GetSeqIds(), "seeded from the database")
	assert.Equal(t, first.GetSeqIds(), again.GetSeqIds(), "the same key, the same number")
}

func keys(t *testing.T, c *clients) {
	conv, a, _ := c.single(t)
	twins := c.save(t, message(conv, a, "same"), message(conv, a, "same"))
	assert.Equal(t, pb.SaveResult_OUTCOME_STORED, twins[0].GetOutcome())
	assert.Equal(t, pb.SaveResult_OUTCOME_DUPLICATE, twins[1].GetOutcome())
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			out, err := c.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{message(conv, a, "same")}})
			if assert.NoError(t, err) {
				r := out.GetResults()[0]
				assert.Equal(t, pb.SaveResult_OUTCOME_DUPLICATE, r.GetOutcome())
				assert.Equal(t, twins[0].GetMessage().GetMessageId(), r.GetMessage().GetMessageId())
				assert.EqualValues(t, 1, r.GetMessage().GetSeqId())
			}
		})
	}
	wg.Wait()
	seen, err := c.LookupDedup(t.Context(), &pb.LookupDedupRequest{Keys: []*pb.ClientKey{
		{ConversationId: conv, SenderId: a, TempMessageId: "same"}, {ConversationId: conv, SenderId: a, TempMessageId: "other"},
	}})
	require.NoError(t, err)
	assert.Equal(t, twins[0].GetMessage().GetMessageId(), seen.GetStored()[0].GetMessageId())
	assert.Zero(t, seen.GetStored()[1].GetMessageId())
	outcome, err := c.FindOutcome(t.Context(), &pb.FindOutcomeRequest{SenderId: a, TempMessageId: "same"})
	require.NoError(t, err)
	assert.True(t, outcome.GetStored())
	assert.Equal(t, "hello same", outcome.GetMessage().GetContent())
}

func refusals(t *testing.T, c *clients) {
	conv, a, _ := c.single(t)
	outsider := c.user(t)
	got := c.save(t, message(conv, a, "r1"), message(conv, outsider, "r2"), message("single_0000000000000000", a, "r3"), message(conv, a, "r4"))
	want := []pb.SaveResult_Outcome{
		pb.SaveResult_OUTCOME_STORED, pb.SaveResult_OUTCOME_NOT_MEMBER, pb.SaveResult_OUTCOME_NOT_MEMBER, pb.SaveResult_OUTCOME_STORED,
	}
	for i, r := range got {
		assert.Equal(t, want[i], r.GetOutcome(), i)
	}
	assert.EqualValues(t, 2, got[3].GetMessage().GetSeqId(), "no number for what was refused")
	facts, err := c.Memberships(t.Context(), &pb.MembershipsRequest{Keys: []*pb.MembershipKey{
		{ConversationId: conv, UserId: a}, {ConversationId: conv, UserId: outsider}, {ConversationId: "group_1", UserId: a},
		{ConversationId: string(contracts.World), UserId: outsider},
	}})
	require.NoError(t, err)
	var members []bool
	for _, m := range facts.GetMemberships() {
		members = append(members, m.GetMember())
	}
	assert.Equal(t, []bool{true, false, false, true}, members)
	assert.False(t, facts.GetMemberships()[2].GetExists())
}

// history compares every combination of bounds with a model, with a full cache and
// with an empty one.
func history(t *testing.T, c *clients) {
	const total = 12
	conv, a, _ := c.single(t)
	for i := range total {
		c.save(t, message(conv, a, fmt.Sprint("h", i)))
	}
	for _, cached := range []bool{true, false} {
		for after := -1; after <= total+1; after++ {
			for before := 0; before <= total+2; before++ {
				if !cached && rand.IntN(4) == 0 { //nolint:gosec // now and then
					require.NoError(t, c.flush(t.Context()))
				}
				for _, limit := range []int{1, 5, 50} {
					in := &pb.HistoryRequest{ConversationId: conv, BeforeSeq: uint64(before), Limit: int32(limit), HasAfter: after >= 0, AfterSeq: uint64(max(after, 0))}
					got, err := c.History(t.Context(), in)
					require.NoError(t, err)
					var seqs []int
					for _, m := range got.GetMessages() {
						seqs = append(seqs, int(m.GetSeqId()))
						assert.Equal(t, fmt.Sprint("h", m.GetSeqId()-1), m.GetTempMessageId())
					}
					want, more := model(total, after, before, limit)
					require.Equal(t, want, seqs, "%v", in)
					require.Equal(t, more, got.GetHasMore(), "%v", in)
				}
			}
		}
	}
}

func model(total, after, before, limit int) (want []int, more bool) {
	for s := 1; s <= total; s++ {
		if s > after && (before == 0 || s < before) {
			want = append(want, s)
		}
	}
	if len(want) <= limit {
		return want, false
	}
	if after >= 0 {
		return want[:limit], true
	}
	return want[len(want)-limit:], true
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
	_, err := c.ListConversations(t.Context(), &pb.ListConversationsRequest{UserId: me, Limit: 2, Cursor: "nonsense"})
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

// flushUnderLoad empties the cache while messages are numbered and stored.
func flushUnderLoad(t *testing.T, c *clients) {
	const writers, each = 8, 40
	conv, a, b := c.single(t)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				m := message(conv, []int64{a, b}[w%2], fmt.Sprintf("w%d-%d", w, n))
				key := &pb.ClientKey{ConversationId: conv, SenderId: m.GetSenderId(), TempMessageId: m.GetTempMessageId()}
				if got, err := c.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{Keys: []*pb.ClientKey{key}}); err == nil {
					m.SeqId = got.GetSeqIds()[0]
				}
				_, err := c.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{m}})
				assert.NoError(t, err)
				if n%10 == w {
					assert.NoError(t, c.flush(t.Context()))
				}
			}
		})
	}
	wg.Wait()
	got, err := c.History(t.Context(), &pb.HistoryRequest{ConversationId: conv, HasAfter: true, Limit: writers*each + 1})
	require.NoError(t, err)
	seen := map[string]bool{}
	for i, m := range got.GetMessages() {
		require.EqualValues(t, i+1, m.GetSeqId(), "no hole")
		seen[m.GetTempMessageId()] = true
	}
	assert.Len(t, seen, writers*each, "nothing twice, nothing lost")
}

func sessions(t *testing.T, c *clients) {
	gw, user := fmt.Sprint("gw", nextID()), nextID()
	session := func(conn string, at int64) *pb.Session {
		return &pb.Session{UserId: user, ConnectionId: conn, GatewayId: gw, DeviceId: "d", LoginAt: at}
	}
	beat := func(ready bool) bool {
		out, err := c.Beat(t.Context(), &pb.BeatRequest{GatewayId: gw, Ready: ready})
		require.NoError(t, err)
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
	require.Eventually(t, func() bool { // the list of live gateways is believed for a second
		precise, every = reached()
		return every
	}, 5*time.Second, 20*time.Millisecond, "a lost cache loses no recipient")
	assert.True(t, beat(true), "and the gateway is told to say everything again")

	_, err = c.Leave(t.Context(), &pb.LeaveRequest{GatewayId: gw})
	require.NoError(t, err)
	require.Eventually(t, func() bool { precise, every = reached(); return !precise && !every }, 5*time.Second, 20*time.Millisecond)
}
