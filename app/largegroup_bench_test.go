package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/mq"
)

const (
	benchMembers  = 100_000
	benchOnline   = 10_000
	benchGateways = 4
	benchPairs    = 50
	benchGroup    = 7
)

// BenchmarkLargeGroup measures how much a group of 100,000 members, 10,000 of them online on four
// gateways, delays the messages of pairs in single chats. Segments with and without messages to
// the group alternate, so that both see the same state of the machine.
func BenchmarkLargeGroup(b *testing.B) {
	for _, perSecond := range []int{1, 4} {
		b.Run(fmt.Sprintf("messages=%d/s", perSecond), func(b *testing.B) {
			g := newLargeGroup(b)
			var quiet, loud []time.Duration
			for b.Loop() {
				for range 3 {
					quiet = append(quiet, g.chat(4*time.Second, 0)...)
					loud = append(loud, g.chat(4*time.Second, perSecond)...)
				}
			}
			g.settle()
			require.EqualValues(b, g.sent.Load()*benchOnline, g.delivered.Load(), "every member who is online, once")
			p := func(list []time.Duration, q float64) time.Duration {
				slices.Sort(list)
				return list[int(float64(len(list)-1)*q)]
			}
			b.ReportMetric(p(quiet, 0.99).Seconds()*1000, "quiet-p99-ms")
			b.ReportMetric(p(loud, 0.99).Seconds()*1000, "loud-p99-ms")
			b.ReportMetric(float64(p(loud, 0.99))/float64(p(quiet, 0.99)), "p99-ratio")
			b.ReportMetric(float64(p(loud, 0.5))/float64(p(quiet, 0.5)), "p50-ratio")
			b.ReportMetric(float64(g.slowest.Load())/1e6, "group-complete-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// largeGroup is a process without the role gateway; counters take the place of four gateways.
type largeGroup struct {
	b    *testing.B
	a    *App
	conv string

	count     atomic.Int64
	sent      atomic.Int64
	delivered atomic.Int64
	slowest   atomic.Int64 // ns from a send to its last delivery

	mu   sync.Mutex
	took []time.Duration // latencies of the pairs' messages
}

func newLargeGroup(b *testing.B) *largeGroup {
	b.Helper()
	cfg := DefaultConfig()
	cfg.DataDir, cfg.Gateway.Listen = b.TempDir(), "127.0.0.1:0"
	a, err := New(cfg, WithLogger(zap.NewNop()))
	require.NoError(b, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		require.NoError(b, <-ended)
	})
	select {
	case <-a.Ready():
	case err := <-ended:
		ended <- err
		b.Fatal(err)
	}
	g := &largeGroup{b: b, a: a, conv: string(contracts.GroupConversation(benchGroup))}
	g.populate()
	for i := range benchGateways {
		g.gateway(i)
	}
	return g
}

func gatewayName(i int) string { return "bench-" + strconv.Itoa(i) }

// populate fills the database with users, chats and the group.
func (g *largeGroup) populate() {
	d, err := db.Open(g.b.Context(), db.Config{Path: g.a.cfg.DBPath(g.a.dir.path)}, zap.NewNop())
	require.NoError(g.b, err)
	defer func() { require.NoError(g.b, d.Close()) }()
	run := func(query string, args ...any) {
		_, err := d.Writer().DB.ExecContext(g.b.Context(), query, args...)
		require.NoError(g.b, err, query)
	}
	const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
	run(numbers+"INSERT INTO users SELECT i, 'u' || i, 'u' || i, 'u', '', '', 1, 1 FROM n", benchMembers)
	run("INSERT INTO `groups` VALUES (?, ?, 'large', '', 1, ?, 'open', 1, 0)", benchGroup, g.conv, benchMembers)
	run("INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at, members_version, member_count) VALUES (?, 2, ?, 1, 1, 1, ?)",
		g.conv, benchGroup, benchMembers)
	run(numbers+"INSERT INTO group_members SELECT ?, i, CASE i WHEN 1 THEN 'owner' ELSE 'member' END, 1 FROM n", benchMembers, benchGroup)
	run(numbers+"INSERT INTO conversation_members (conversation_id, user_id) SELECT ?, i FROM n", benchMembers, g.conv)
	convs := pb.NewConversationRepoClient(g.a.calls)
	for i := range benchPairs {
		_, err := convs.EnsureSingle(g.b.Context(), &pb.EnsureSingleRequest{UserId: int64(1 + 2*i), PeerId: int64(2 + 2*i)})
		require.NoError(g.b, err)
	}
}

// gateway registers one gateway and counts the records in its topic.
func (g *largeGroup) gateway(i int) {
	ctx, name := g.b.Context(), gatewayName(i)
	topic := contracts.TopicDownstream(name)
	require.NoError(g.b, g.a.queue.Ensure(ctx, mq.Topic{Name: topic, Partitions: 1, Tail: true}))
	sub, err := g.a.queue.Subscriber(mq.SubscriberConfig{Start: mq.StartNewest, Lanes: 1, Run: 256})
	require.NoError(g.b, err)
	records, err := sub.Subscribe(context.WithoutCancel(ctx), topic)
	require.NoError(g.b, err)
	g.b.Cleanup(func() { require.NoError(g.b, sub.Close()) })
	go func() {
		for msg := range records {
			for _, m := range mq.Run(msg) {
				g.note(m)
			}
			msg.Ack()
		}
	}()
	sessions := pb.NewSessionRepoClient(g.a.calls)
	var mine []*pb.Session
	for u := int64(i + 1); u <= benchOnline; u += benchGateways {
		mine = append(mine, &pb.Session{UserId: u, ConnectionId: fmt.Sprint("c", u), GatewayId: name, LoginAt: 1})
	}
	beat := func(ready bool) {
		_, err := sessions.Beat(ctx, &pb.BeatRequest{GatewayId: name, Ready: ready})
		require.NoError(g.b, err)
	}
	beat(false)
	for chunk := range slices.Chunk(mine, 500) {
		_, err := sessions.PutSessions(ctx, &pb.PutSessionsRequest{Sessions: chunk})
		require.NoError(g.b, err)
	}
	beat(true)
	stop := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Second):
				beat(true)
			}
		}
	})
	g.b.Cleanup(func() { close(stop); beating.Wait() })
}

func (g *largeGroup) note(m *message.Message) {
	var down pb.Downstream
	if err := proto.Unmarshal(m.Payload, &down); err != nil {
		g.b.Error(err)
		return
	}
	for _, d := range down.GetDeliveries() {
		if d.GetConversationId() == "" {
			continue // an answer to a sender
		}
		_, at, _ := strings.Cut(string(d.GetFrame()), "at=")
		at, _, _ = strings.Cut(at, `"`)
		ns, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			g.b.Error(err)
			return
		}
		took := time.Since(time.Unix(0, ns))
		if d.GetConversationId() != g.conv {
			g.mu.Lock()
			g.took = append(g.took, took)
			g.mu.Unlock()
			continue
		}
		g.delivered.Add(int64(len(d.GetUserIds())))
		for old := g.slowest.Load(); int64(took) > old && !g.slowest.CompareAndSwap(old, int64(took)); old = g.slowest.Load() {
		}
	}
}

func (g *largeGroup) send(sender, receiver int64, conv string) {
	n := g.count.Add(1)
	payload, err := proto.Marshal(&pb.Upstream{
		SenderId: sender, ReceiverId: receiver, ConversationId: conv, Content: fmt.Sprint("at=", time.Now().UnixNano()),
		MessageType: "text", TempMessageId: fmt.Sprint("m", n), AcceptedAt: time.Now().UnixMilli(),
	})
	require.NoError(g.b, err)
	msg := message.NewMessage(fmt.Sprint("r", n), payload)
	msg.Metadata = message.Metadata{
		mq.KeyMetadata: conv, contracts.MetaSchema: contracts.SchemaVersion,
		contracts.MetaOriginGateway: gatewayName(int(sender-1) % benchGateways), contracts.MetaOriginConnection: "sender",
	}
	require.NoError(g.b, g.a.queue.Publisher().Publish(contracts.TopicUpstream, msg))
}

// chat sends ten messages a second in every pair and some in the group for a while, and returns
// the latencies of the pairs' messages.
func (g *largeGroup) chat(d time.Duration, toGroup int) []time.Duration {
	end := time.Now().Add(d)
	var talking sync.WaitGroup
	for i := range benchPairs {
		a, b := int64(1+2*i), int64(2+2*i)
		conv := string(contracts.SingleConversation(contracts.UserID(a), contracts.UserID(b)))
		talking.Go(func() {
			time.Sleep(time.Duration(i) * 100 * time.Millisecond / benchPairs)
			for time.Now().Before(end) {
				g.send(a, b, conv)
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	if toGroup > 0 {
		talking.Go(func() {
			for time.Now().Before(end) {
				g.sent.Add(1)
				g.send(1, 0, g.conv)
				time.Sleep(time.Second / time.Duration(toGroup))
			}
		})
	}
	talking.Wait()
	g.settle()
	g.mu.Lock()
	defer g.mu.Unlock()
	took := g.took
	g.took = nil
	return took
}

// settle waits until the group's messages are delivered.
func (g *largeGroup) settle() {
	require.Eventually(g.b, func() bool { return g.delivered.Load() >= g.sent.Load()*benchOnline }, time.Minute, 10*time.Millisecond,
		"deliveries to the large group")
}
