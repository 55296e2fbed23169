package scale_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

const (
	// sessionBatch is how many sessions a gateway puts in one call.
	sessionBatch = 512
	// lookAgain is after how long the registry does not believe any more what it saw of the gateways.
	lookAgain = 2 * time.Second
)

// firstStranger begins the ids of users who are connected and never say anything. It is as long as ids
// are.
const firstStranger = 100_000_000_000_000_000

// fleet is virtual gateways with virtual sockets: of a gateway they have the calls by which it keeps the
// session registry and the database up to date (gateway/registrar.go, watch.go, recheck.go, devices.go).
type fleet struct {
	s         *system
	strangers int           // sessions of them
	first     []*pb.Session // some of those, as many as one call puts

	mu       sync.Mutex
	gateways []*virtual
	ids      []string
}

// virtual is one gateway.
type virtual struct {
	id      string
	said    string // what the registry said at the last beat
	sockets int
}

func newFleet(s *system) *fleet { return &fleet{s: s} }

// living is what etcd tells the role repo: the gateways that live.
func (f *fleet) living() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ids
}

// grow adds gateways until there are so many. Those above topics are without a topic of their own, so
// that nothing may be delivered there.
func (f *fleet) grow(t *testing.T, gateways, topics int) {
	t.Helper()
	all, ids := slices.Clone(f.gateways), slices.Clone(f.ids)
	for n := len(all); n < gateways; n++ {
		g := &virtual{id: fmt.Sprintf("gw-%s-%08x", strconv.FormatInt(f.s.clock.Now().UnixMilli(), 36), n)}
		all, ids = append(all, g), append(ids, g.id)
	}
	f.mu.Lock()
	f.gateways, f.ids = all, ids
	f.mu.Unlock()
	var own []mq.Topic
	for _, g := range f.gateways[:min(topics, gateways)] {
		own = append(own, mq.Topic{Name: contracts.TopicDownstream(g.id), Partitions: 1, Tail: true})
	}
	f.s.queue.ensure(t, own...)
	f.settle(t)
}

// beat is one sign of life, as the registrar says it: it is answered whether the registry may lack the
// gateway's sessions. Those of virtual gateways stay in Redis, so that there is nothing to put again.
func (f *fleet) beat(t *testing.T, g *virtual) (fresh bool) {
	t.Helper()
	return f.beatAs(t, g, true)
}

func (f *fleet) beatAs(t *testing.T, g *virtual, ready bool) (fresh bool) {
	t.Helper()
	resp, err := pb.NewSessionRepoClient(f.s.conn).Beat(t.Context(), &pb.BeatRequest{GatewayId: g.id, Ready: ready, PutAt: &g.said, Announces: true})
	if !assert.NoError(t, err) || !assert.False(t, resp.GetAway()) {
		return false
	}
	g.said = resp.GetAt()
	return resp.GetFresh()
}

// settle lets time go by, all gateways beat, and the registry look at them.
func (f *fleet) settle(t *testing.T) {
	t.Helper()
	f.s.clock.Move(lookAgain)
	atOnce(len(f.gateways), func(i int) {
		if g := f.gateways[i]; f.beat(t, g) {
			assert.False(t, f.beat(t, g), "%s has put everything", g.id)
		}
	})
	f.s.clock.Move(lookAgain)
	assert.Len(t, f.look(t), len(f.gateways))
}

// look lets the registry say which gateways live.
func (f *fleet) look(t *testing.T) []string {
	t.Helper()
	resp, err := pb.NewSessionRepoClient(f.s.conn).LiveGateways(t.Context(), &pb.LiveGatewaysRequest{})
	require.NoError(t, err)
	return resp.GetGatewayIds()
}

// session is one of a user who is connected through a gateway.
func (g *virtual) session(user int64) *pb.Session {
	g.sockets++
	return &pb.Session{
		UserId: user, GatewayId: g.id, ConnectionId: g.id + "-" + strconv.FormatInt(int64(g.sockets), 36),
		DeviceId: device(user), LoginAt: 1_800_000_000_000,
	}
}

// device is as long as those of the web client.
func device(user int64) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", user>>48, user&(1<<48-1))
}

// crowd adds strangers, spread evenly over all gateways, until there are so many.
func (f *fleet) crowd(t *testing.T, sessions int) {
	t.Helper()
	for f.strangers < sessions {
		each := (sessions - f.strangers + len(f.gateways) - 1) / len(f.gateways)
		for _, g := range f.gateways {
			var users []int64
			for range min(each, sessions-f.strangers) {
				users = append(users, stranger(f.strangers))
				f.strangers++
			}
			f.connect(t, g, users...)
		}
	}
}

// stranger is the n-th of those who never say anything.
func stranger(n int) int64 { return firstStranger + int64(n) }

// connect puts sessions of users through a gateway.
func (f *fleet) connect(t *testing.T, g *virtual, users ...int64) {
	t.Helper()
	for some := range slices.Chunk(users, sessionBatch) {
		batch := make([]*pb.Session, len(some))
		for i, user := range some {
			batch[i] = g.session(user)
			if user >= firstStranger && user < firstStranger+sessionBatch {
				f.first = append(f.first, batch[i])
			}
		}
		f.put(t, batch)
	}
}

func (f *fleet) put(t *testing.T, batch []*pb.Session) {
	t.Helper()
	_, err := pb.NewSessionRepoClient(f.s.conn).PutSessions(t.Context(), &pb.PutSessionsRequest{Sessions: batch})
	require.NoError(t, err)
}
