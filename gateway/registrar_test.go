package gateway

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// forgetful is a registry of an older version that is emptied before some of its beats.
type forgetful struct {
	pb.SessionRepoClient
	fresh []bool // answers to the beats, in order
	ready []bool // what the beats said
	puts  int
}

func (f *forgetful) Beat(_ context.Context, in *pb.BeatRequest, _ ...grpc.CallOption) (*pb.BeatResponse, error) {
	f.ready = append(f.ready, in.GetReady())
	fresh := f.fresh[0]
	f.fresh = f.fresh[1:]
	return &pb.BeatResponse{Fresh: fresh}, nil
}

func (f *forgetful) PutSessions(context.Context, *pb.PutSessionsRequest, ...grpc.CallOption) (*pb.PutSessionsResponse, error) {
	f.puts++
	return &pb.PutSessionsResponse{}, nil
}

// A registry of an older release says only once that it has lost its sessions. All of them are put again before a beat
// says that they are in.
func TestSessionsArePutAgainWhenAnOlderRegistryForgets(t *testing.T) {
	registry := &forgetful{fresh: []bool{true, true, false, false}}
	h := newHub(10)
	c := &conn{g: &Gateway{id: "gw"}, id: "c", user: 7}
	h.add(c)
	p := newRegistrar("gw", DefaultConfig(), registry, h, zap.NewNop())
	require.NoError(t, p.beat(t.Context())) // unknown, put, and unknown again
	require.NoError(t, p.beat(t.Context()))
	require.Equal(t, []bool{true, true, false, true}, registry.ready, "the third knows that the second was in vain")
	require.Equal(t, 2, registry.puts)
	require.False(t, p.stale)
}

// uncached is a registry that hears gateways and can keep nothing.
type uncached struct {
	pb.SessionRepoClient
	beats int
}

func (u *uncached) Beat(context.Context, *pb.BeatRequest, ...grpc.CallOption) (*pb.BeatResponse, error) {
	u.beats++
	return &pb.BeatResponse{Away: true}, nil
}

// TestGatewayStartsWithoutTheCache: a registry without its cache takes the beat, and the gateway gets a copy of
// everything, although none of its sessions is registered.
func TestGatewayStartsWithoutTheCache(t *testing.T) {
	registry := &uncached{}
	p := newRegistrar("gw", DefaultConfig(), registry, newHub(10), zap.NewNop())
	require.NoError(t, p.join(t.Context()))
	require.Equal(t, 1, registry.beats)
	require.ErrorIs(t, p.beat(t.Context()), errSessionsUnknown, "the log is told at each beat")
}

// ledger is a registry that loses what it holds, and whose answers get lost.
type ledger struct {
	pb.SessionRepoClient
	life  int
	ready bool            // what it takes the gateway for
	heard []bool          // what the beats said
	put   map[string]bool // connections
	// sockets is how many the gateway has. misled: the gateway counted as ready while fewer were put.
	sockets int
	misled  bool
	// before is called with the number of each beat, from 1; false: its answer is lost.
	before func(beat int) bool
	// onPut may refuse to put.
	onPut func() error
}

func newLedger() *ledger {
	return &ledger{put: map[string]bool{}, before: func(int) bool { return true }, onPut: func() error { return nil }}
}

func (l *ledger) lose() { l.life, l.put, l.ready = l.life+1, map[string]bool{}, false }

func (l *ledger) Beat(_ context.Context, in *pb.BeatRequest, _ ...grpc.CallOption) (*pb.BeatResponse, error) {
	l.heard = append(l.heard, in.GetReady())
	answered := l.before(len(l.heard))
	at := fmt.Sprint("life ", l.life)
	fresh := in.GetPutAt() != at
	l.ready = in.GetReady() && !fresh
	l.misled = l.misled || l.ready && len(l.put) < l.sockets
	if !answered {
		return &pb.BeatResponse{Away: true}, nil
	}
	return &pb.BeatResponse{Fresh: fresh, At: at}, nil
}

func (l *ledger) PutSessions(_ context.Context, in *pb.PutSessionsRequest, _ ...grpc.CallOption) (*pb.PutSessionsResponse, error) {
	if err := l.onPut(); err != nil {
		return nil, err
	}
	for _, s := range in.GetSessions() {
		l.put[s.GetConnectionId()] = true
	}
	return &pb.PutSessionsResponse{}, nil
}

// crowded returns the registrar of a gateway with open sockets.
func crowded(registry pb.SessionRepoClient, sockets int) *registrar {
	h := newHub(sockets)
	for i := range sockets {
		h.add(&conn{g: &Gateway{id: "gw"}, id: fmt.Sprint("c", i), user: int64(i + 1)})
	}
	return newRegistrar("gw", DefaultConfig(), registry, h, zap.NewNop())
}

// TestAnswersToBeatsAreLost: whichever answers are lost, and whenever the registry loses its sessions, it never takes a
// gateway for ready while sessions are missing, and has all of them after a few beats.
func TestAnswersToBeatsAreLost(t *testing.T) {
	const last = 7
	for lossAt := 1; lossAt <= last; lossAt++ {
		for lost := range 1 << last {
			registry := newLedger()
			registry.sockets = 3
			p := crowded(registry, registry.sockets)
			registry.before = func(beat int) bool {
				if beat == lossAt {
					registry.lose()
				}
				return beat > last || lost&(1<<(beat-1)) == 0
			}
			for range last + 3 {
				err := p.beat(t.Context())
				if err != nil {
					require.ErrorIs(t, err, errSessionsUnknown)
				}
				require.False(t, registry.misled, "loss before beat %d, answers lost %b", lossAt, lost)
			}
			require.True(t, registry.ready, "loss before beat %d, answers lost %b", lossAt, lost)
		}
	}
}

// newcomer is the session of a new socket.
func newcomer(i int) *pb.Session {
	return &pb.Session{UserId: int64(i), ConnectionId: fmt.Sprint("new", i), GatewayId: "gw"}
}

// joined returns a registry that takes the gateway for ready, and the gateway's registrar.
func joined(t *testing.T) (*ledger, *registrar) {
	registry := newLedger()
	p := crowded(registry, 1)
	require.NoError(t, p.beat(t.Context()))
	require.True(t, registry.ready)
	return registry, p
}

// TestSocketsThatAreServedAndNotPut: while there are such sockets, beats say that the gateway is not ready, and the
// first such beat comes before the sockets are served.
func TestSocketsThatAreServedAndNotPut(t *testing.T) {
	t.Run("their put failed", func(t *testing.T) {
		registry, p := joined(t)
		registry.onPut = func() error { return contracts.NewError(contracts.CodeUnavailable, "") }
		served := p.changes.put(newcomer(1))
		registry.before = func(int) bool {
			select {
			case <-served:
				t.Error("it is served before the registry is told")
			default:
			}
			return true
		}
		p.apply(t.Context())
		<-served
		require.False(t, registry.ready)
		registry.before, registry.onPut = newLedger().before, newLedger().onPut
		p.apply(t.Context())
		require.NoError(t, p.beat(t.Context()))
		require.True(t, registry.ready)
	})
	t.Run("they waited too long", func(t *testing.T) {
		registry, p := joined(t)
		late, cancel := context.WithCancel(t.Context())
		cancel()
		const waiting = 2*sessionBatch + 1
		for i := range waiting {
			p.put(late, newcomer(i))
		}
		<-p.changes.kick
		p.apply(t.Context())
		require.False(t, registry.ready, "some are in, and others wait")
		<-p.changes.kick
		p.apply(t.Context())
		require.NoError(t, p.beat(t.Context()))
		require.False(t, registry.ready, "one still waits")
		<-p.changes.kick
		p.apply(t.Context())
		require.NoError(t, p.beat(t.Context()))
		require.True(t, registry.ready)
		require.Len(t, registry.put, waiting+1)
	})
	t.Run("they are gone", func(t *testing.T) {
		registry, p := joined(t)
		late, cancel := context.WithCancel(t.Context())
		cancel()
		p.put(late, newcomer(1))
		require.NoError(t, p.beat(t.Context()))
		require.False(t, registry.ready)
		require.False(t, p.changes.remove(newcomer(1)), "there is room")
		require.NoError(t, p.beat(t.Context()))
		require.True(t, registry.ready)
	})
}

// TestManySessionsArePutAgain: new sockets need not wait until all old ones are put, and the
// gateway goes on beating meanwhile.
func TestManySessionsArePutAgain(t *testing.T) {
	registry := newLedger()
	p := crowded(registry, 3*sessionBatch)
	p.cfg.BeatInterval = 0 // a beat is always due
	var served <-chan struct{}
	puts := 0
	registry.onPut = func() error {
		switch puts++; puts {
		case 1:
			served = p.changes.put(&pb.Session{UserId: 1, ConnectionId: "new", GatewayId: "gw"})
		case 3:
			<-served // or the test would stand still
			require.True(t, registry.put["new"])
			require.Len(t, registry.put, sessionBatch+1)
		}
		return nil
	}
	require.NoError(t, p.putAll(t.Context()))
	require.Equal(t, 4, puts)
	require.Len(t, registry.heard, 3)
}
