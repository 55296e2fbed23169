package scale_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/gateway"
)

// refresh is what it costs that gateways put a session again, for each session.
func (f *fleet) refresh(t *testing.T, n int) cost {
	t.Helper()
	again := func(int) { f.put(t, f.first) }
	again(0)
	return f.s.measure(t, n, again).by(float64(len(f.first)))
}

// recheck is what it costs to ask whether the token of an open socket is still good, for each token.
func (f *fleet) recheck(t *testing.T, users []int64, n int) cost {
	t.Helper()
	users = users[:min(len(users), contracts.TokensBatch)]
	tokens := make([]*pb.UsedToken, len(users))
	for i, user := range users {
		tokens[i] = &pb.UsedToken{
			TokenId: "ABCDEFGHIJKLMNOPQRSTUVWX" + strconv.Itoa(10+i), UserId: user, DeviceId: device(user),
			IssuedAt: time.Now().UnixMilli(), ExpiresAt: time.Now().Add(time.Hour).UnixMilli(),
		}
	}
	ask := func(int) {
		resp, err := pb.NewUserRepoClient(f.s.conn).CheckTokens(t.Context(), &pb.CheckTokensRequest{Tokens: tokens})
		require.NoError(t, err)
		require.NotContains(t, resp.GetRefused(), true)
	}
	ask(0) // which notes what the devices use
	return f.s.measure(t, n, ask).by(float64(len(users)))
}

// note is what it costs to note that devices are still connected, for each of them. Gateways spread that over an
// hour, so that most go alone.
func (f *fleet) note(t *testing.T, users []int64, n int) cost {
	t.Helper()
	at := time.Now().UnixMilli()
	say := func(i int) {
		var seen []*pb.SeenDevice
		for _, user := range users {
			seen = append(seen, &pb.SeenDevice{UserId: user, DeviceId: device(user), SeenAt: at + int64(i), IssuedAt: at})
		}
		_, err := pb.NewDeviceRepoClient(f.s.conn).NoteDevices(t.Context(), &pb.NoteDevicesRequest{Devices: seen})
		require.NoError(t, err)
	}
	say(0)
	return f.s.measure(t, n, func(i int) { say(i + 1) }).by(float64(len(users)))
}

// watch is what it costs to become a watcher of a user and to ask who is online, for each user who is watched. A gateway
// does that every four minutes, and when the user has come or gone.
func (f *fleet) watch(t *testing.T, n int) cost {
	t.Helper()
	watched := make([]int64, 100)
	for i := range watched {
		watched[i] = stranger(i)
	}
	ask := func(int) {
		resp, err := pb.NewPresenceRepoClient(f.s.conn).Present(t.Context(), &pb.PresentRequest{UserIds: watched, WatcherId: f.gateways[0].id})
		require.NoError(t, err)
		require.Len(t, resp.GetOnline(), len(watched))
		require.False(t, resp.GetPartial())
		require.True(t, resp.GetWatched())
	}
	ask(0)
	return f.s.measure(t, n, ask).by(float64(len(watched)))
}

// visit is what it costs the storage role that a watched user gets a socket and loses it.
func (f *fleet) visit(t *testing.T, n int) cost {
	t.Helper()
	sessions, user := pb.NewSessionRepoClient(f.s.conn), stranger(0)
	_, err := pb.NewPresenceRepoClient(f.s.conn).Present(t.Context(), &pb.PresentRequest{UserIds: []int64{user}, WatcherId: f.gateways[0].id})
	require.NoError(t, err)
	visit := func(int) {
		one := []*pb.Session{f.gateways[1].session(user)}
		came, err := sessions.PutSessions(t.Context(), &pb.PutSessionsRequest{Sessions: one, WantWatchers: true})
		require.NoError(t, err)
		require.Len(t, came.GetWatched(), 1)
		left, err := sessions.RemoveSessions(t.Context(), &pb.RemoveSessionsRequest{Sessions: one, WantWatchers: true})
		require.NoError(t, err)
		require.Len(t, left.GetWatched(), 1)
	}
	visit(0)
	return f.s.measure(t, n, visit)
}

// beats is what a gateway's sign of life costs.
func (f *fleet) beats(t *testing.T, n int) cost {
	t.Helper()
	f.settle(t)
	return f.s.measure(t, n, func(i int) { require.False(t, f.beat(t, f.gateways[i%len(f.gateways)])) })
}

// looks is what it costs a process of the role repo to look which gateways live while none comes or goes, which it does
// once a second while it is asked where users are.
func (f *fleet) looks(t *testing.T) cost {
	t.Helper()
	f.settle(t)
	for _, ready := range []bool{false, true} { // a change, after which the states are read
		f.beatAs(t, f.gateways[0], ready)
	}
	f.s.clock.Move(lookAgain)
	f.look(t)
	const n = 3 // after which no gateway is taken for dead yet
	spent := f.s.measure(t, n, func(int) {
		f.s.clock.Move(lookAgain)
		require.Len(t, f.look(t), len(f.gateways))
	})
	f.settle(t)
	return spent
}

// lease is what it costs a gateway to ask whether a user may send: for the first message of a user after a
// pause, and each hundredth of those who go on.
func (f *fleet) lease(t *testing.T, n int) cost {
	t.Helper()
	rates := gateway.DefaultRates()
	take := func(i int) {
		resp, err := pb.NewLimitRepoClient(f.s.conn).TakeTokens(t.Context(), &pb.TakeTokensRequest{Buckets: []*pb.Bucket{{
			Key: "sends:" + strconv.FormatInt(stranger(i), 10), Burst: int64(rates.SendsBurst), Rate: int64(rates.SendsPerSecond),
			PeriodMs: time.Second.Milliseconds(), Tokens: 100, AtMost: true,
		}}})
		require.NoError(t, err)
		require.Len(t, resp.GetTaken(), 1)
	}
	take(n)
	return f.s.measure(t, n, take)
}

// sessionBytes is what a session takes in Redis: a key of its user, and its part of the one list of all who may
// be online.
func (f *fleet) sessionBytes(t *testing.T) (own, listed float64) {
	t.Helper()
	const some = 100
	var keys []string
	for i := range some {
		keys = append(keys, "user_session:{"+strconv.FormatInt(stranger(i), 10)+"}")
	}
	m := f.s.monitor
	return float64(m.size(t, keys...)) / some, float64(m.size(t, onlineList)) / float64(m.listed(t))
}
