package scale_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

// contentBytes is how long what people say is, as in the figures of docs/performance.md.
const contentBytes = 128

// chat is a conversation whose members are all connected.
type chat struct {
	s    *system
	conv string
	// sender is on a gateway.
	sender int64
	from   *virtual
	// pushes are how many users, or whole gateways, get a message.
	pushes func() int64
	said   int // messages so far
}

// people makes accounts, connected through the first gateways, so many of these.
func (s *system) people(t *testing.T, n, gateways int) []int64 {
	t.Helper()
	users := make([]int64, n)
	for i := range users {
		users[i] = s.next(t)
	}
	accounts := pb.NewUserRepoClient(s.conn)
	atOnce(n, func(i int) {
		_, err := accounts.CreateUser(t.Context(), &pb.CreateUserRequest{User: &pb.User{
			UserId: users[i], Username: fmt.Sprint("u", users[i]), Nickname: "somebody", CreatedAt: time.Now().UnixMilli(),
		}})
		assert.NoError(t, err)
	})
	for g := range gateways {
		var here []int64
		for i := g; i < n; i += gateways {
			here = append(here, users[i])
		}
		s.fleet.connect(t, s.fleet.gateways[g], here...)
	}
	return users
}

func (s *system) next(t *testing.T) int64 {
	t.Helper()
	id, err := s.ids.Next()
	require.NoError(t, err)
	return id
}

// single is a chat of two people.
func (s *system) single(t *testing.T, a, b int64) *chat {
	t.Helper()
	made, err := pb.NewConversationRepoClient(s.conn).EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: a, PeerId: b})
	require.NoError(t, err)
	return &chat{s: s, conv: made.GetConversationId(), sender: a, from: s.fleet.gateways[0], pushes: always(2)}
}

// group is one of these people.
func (s *system) group(t *testing.T, members []int64) *chat {
	t.Helper()
	made, err := pb.NewGroupRepoClient(s.conn).StoreGroup(t.Context(), &pb.StoreGroupRequest{
		Group: &pb.Group{
			GroupId: s.next(t), Name: "Group", OwnerId: members[0], JoinPolicy: contracts.JoinInvite, CreatedAt: time.Now().UnixMilli(),
		},
		MemberIds: members[1:], AnnouncementId: s.next(t),
	})
	require.NoError(t, err)
	return &chat{s: s, conv: made.GetGroup().GetConversationId(), sender: members[0], from: s.fleet.gateways[0], pushes: always(len(members))}
}

// world is everybody's, and goes to each gateway once.
func (s *system) world(sender int64) *chat {
	return &chat{
		s: s, conv: string(contracts.World), sender: sender, from: s.fleet.gateways[0],
		pushes: func() int64 { return int64(len(s.fleet.gateways)) },
	}
}

func always(n int) func() int64 { return func() int64 { return int64(n) } }

// say publishes a message as a gateway does, and waits until it was pushed to everybody.
func (c *chat) say(t *testing.T) {
	t.Helper()
	c.said++
	payload, err := proto.Marshal(&pb.Upstream{
		SenderId: c.sender, ConversationId: c.conv, Content: strings.Repeat("x", contentBytes), MessageType: contracts.TypeText,
		TempMessageId: fmt.Sprintf("00000000-0000-4000-8000-%012d", c.s.next(t)%1e12), AcceptedAt: time.Now().UnixMilli(),
	})
	require.NoError(t, err)
	record := message.NewMessage(fmt.Sprintf("%s-%d", c.from.id, c.said), payload)
	record.Metadata = message.Metadata{
		mq.KeyMetadata: c.conv, contracts.MetaSchema: contracts.SchemaVersion,
		contracts.MetaOriginGateway: c.from.id, contracts.MetaOriginConnection: c.from.id + "-1",
	}
	_, _, pushed := c.s.queue.counts()
	require.NoError(t, c.s.queue.Publisher().Publish(contracts.TopicUpstream, record))
	c.s.queue.await(t, pushed+c.pushes())
}

// message is what a message of the chat costs from the queue to its receivers' gateways, once the caches
// know the conversation.
func (c *chat) message(t *testing.T, n int) cost {
	t.Helper()
	const warm = 3 // the first of them brings what was stored before anybody was told, too
	for range warm {
		c.say(t)
	}
	_, _, before := c.s.queue.counts()
	spent := c.s.measure(t, n, func(int) { c.say(t) })
	_, _, after := c.s.queue.counts()
	require.EqualValues(t, int64(n)*c.pushes(), after-before, "everybody is pushed each message once")
	return spent
}

// received is what it costs that somebody says that a message has arrived, and read that it was read.
func (c *chat) received(t *testing.T, by int64, n int) (delivered, read cost) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	first := c.said
	for range n + 1 {
		c.say(t)
	}
	got := func(i int) {
		out, err := c.s.receipts.Deliver(ctx, &pb.DeliverRequest{Delivered: []*pb.DeliveredTo{
			{UserId: by, ConversationId: c.conv, SeqId: uint64(first + 1 + i)},
		}})
		require.NoError(t, err)
		require.Len(t, out.GetMoved(), 1)
	}
	saw := func(i int) {
		out, err := c.s.conversations.Read(ctx, &pb.ReadRequest{
			CallerId: by, ConversationId: c.conv, SeqId: uint64(first + 1 + i), ConnectionId: c.from.id + "-2",
		})
		require.NoError(t, err)
		require.EqualValues(t, first+1+i, out.GetReadSeq())
	}
	got(0)
	saw(0)
	return c.s.measure(t, n, func(i int) { got(i + 1) }), c.s.measure(t, n, func(i int) { saw(i + 1) })
}
