package rpc

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/base"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type fakeConn struct {
	balancer.SubConn
	name string
}

// TestPicks looks at single choices, in a time of its own.
func TestPicks(t *testing.T) {
	answered := balancer.DoneInfo{BytesReceived: true}
	late := balancer.DoneInfo{Err: status.Error(codes.DeadlineExceeded, "late")}
	away := balancer.DoneInfo{BytesReceived: true, Err: status.Error(codes.Unavailable, "away")}
	gone := balancer.DoneInfo{Err: context.Canceled}
	for name, c := range map[string]struct {
		// happens is told of the first server's call; wait follows.
		happens func(done func(balancer.DoneInfo))
		wait    time.Duration
		// chosen of 100 single calls to two servers; busy: the second has one call.
		busy     bool
		min, max int
	}{
		"answered":                          {func(d func(balancer.DoneInfo)) { d(answered) }, time.Minute, false, 20, 80},
		"in flight for a moment":            {func(func(balancer.DoneInfo)) {}, 0, false, 0, 0},
		"in flight for a moment, both busy": {func(func(balancer.DoneInfo)) {}, 0, true, 20, 80},
		"unanswered for long, both busy":    {func(func(balancer.DoneInfo)) {}, 2 * time.Second, true, 0, 0},
		"past its deadline":                 {func(d func(balancer.DoneInfo)) { time.Sleep(time.Second); d(late) }, time.Second, true, 0, 0},
		"past its deadline, time to probe":  {func(d func(balancer.DoneInfo)) { time.Sleep(time.Second); d(late) }, 3 * time.Second, true, 1, 1},
		"late but quick":                    {func(d func(balancer.DoneInfo)) { d(late) }, 0, true, 100, 100},
		"the caller left":                   {func(d func(balancer.DoneInfo)) { d(gone) }, time.Minute, false, 20, 80},
		"unavailable":                       {func(d func(balancer.DoneInfo)) { d(away) }, 0, true, 0, 0},
		"unavailable a while ago":           {func(d func(balancer.DoneInfo)) { d(away) }, 2 * time.Second, true, 100, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := &server{conn: &fakeConn{name: "first"}}, &server{conn: &fakeConn{name: "second"}}
				first.began(time.Now())
				c.happens(func(i balancer.DoneInfo) { first.done(i) })
				time.Sleep(c.wait)
				if c.busy {
					second.began(time.Now())
				}
				chosen := 0
				for range 100 {
					r, err := picker{first, second}.Pick(balancer.PickInfo{})
					if err != nil {
						t.Fatal(err)
					}
					if r.SubConn.(*fakeConn).name == "first" {
						chosen++
						first.mu.Lock()
						first.inflight--
						first.mu.Unlock()
					} else {
						second.mu.Lock()
						second.inflight--
						second.mu.Unlock()
					}
				}
				if chosen < c.min || chosen > c.max {
					t.Errorf("chosen %d times of 100, want %d to %d", chosen, c.min, c.max)
				}
			})
		})
	}
}

// TestBusyIsNotSilent: a server that answers one call is not suspect for taking
// long with another one.
func TestBusyIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		s.began(time.Now()) // this one takes long
		for range 5 {
			s.began(time.Now())
			time.Sleep(silentAfter * 3 / 4)
			s.done(balancer.DoneInfo{BytesReceived: true})
			if l, _ := s.look(time.Now()); l.suspect || l.inflight != 1 {
				t.Fatalf("a server that answers is %+v", l)
			}
		}
		time.Sleep(2 * silentAfter)
		if l, _ := s.look(time.Now()); !l.suspect {
			t.Error("a server that has stopped answering is not suspect")
		}
	})
}

// TestAllSuspect: when every server is suspect, they are used all the same.
func TestAllSuspect(t *testing.T) {
	s := &server{conn: &fakeConn{}}
	s.done(balancer.DoneInfo{BytesReceived: true, Err: status.Error(codes.Unavailable, "away")})
	if r, err := (picker{s}).Pick(balancer.PickInfo{}); err != nil || r.SubConn != s.conn {
		t.Errorf("%v, %v", r, err)
	}
}

func TestNoServerIsReady(t *testing.T) {
	p := (&servers{}).Build(base.PickerBuildInfo{})
	if _, err := p.Pick(balancer.PickInfo{}); !errors.Is(err, balancer.ErrNoSubConnAvailable) {
		t.Errorf("got %v", err)
	}
}
