package roster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fakeMembers has the users 1..n in every group; user u joined at number u.
type fakeMembers struct {
	mu    sync.Mutex
	n     int64
	calls int
	fail  error
	short bool
	// hold, when set, keeps answers until it is closed.
	hold chan struct{}
}

func (f *fakeMembers) ListMemberIDs(ctx context.Context, in *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error) {
	f.mu.Lock()
	f.calls++
	f.mu.Unlock()
	if f.hold != nil {
		select {
		case <-f.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	out := &pb.ListMemberIDsResponse{}
	for u := in.GetAfterUserId() + 1; u <= f.n; u++ {
		if len(out.GetUserIds()) == int(in.GetLimit()) {
			out.HasMore = true
			break
		}
		out.UserIds = append(out.UserIds, u)
		if !f.short {
			out.JoinSeqs = append(out.JoinSeqs, uint64(u))
		}
	}
	return out, f.fail
}

func TestOncePerVersion(t *testing.T) {
	for name, n := range map[string]int64{"small": 5, "large": 2*usual + 1} {
		t.Run(name, func(t *testing.T) {
			f := &fakeMembers{n: n}
			r := New(f)
			pages := int(n/pageSize) + 1
			for _, step := range []struct {
				group, version int64
				calls          int
			}{{1, 1, pages}, {1, 1, pages}, {1, 2, 2 * pages}, {2, 1, 3 * pages}, {1, 0, 4 * pages}, {1, 0, 4 * pages}, {1, 2, 4 * pages}} {
				list, err := r.Of(t.Context(), step.group, step.version)
				if err != nil {
					t.Fatal(err)
				}
				if all := list.Members; len(all) != int(n) || all[n-1] != (Member{UserID: n, JoinSeq: uint64(n)}) {
					t.Fatalf("%d members, the last %v", len(all), all[len(all)-1])
				}
				if f.calls != step.calls {
					t.Fatalf("group %d version %d: %d reads in all, want %d", step.group, step.version, f.calls, step.calls)
				}
			}
		})
	}
}

func TestNothingIsRememberedOfAFailure(t *testing.T) {
	f := &fakeMembers{n: 3, fail: errors.New("away")}
	r := New(f)
	if _, err := r.Of(t.Context(), 1, 1); !errors.Is(err, f.fail) {
		t.Fatalf("error %v", err)
	}
	f.fail = nil
	if list, err := r.Of(t.Context(), 1, 1); err != nil || len(list.Members) != 3 {
		t.Fatalf("%v %v", list, err)
	}
	f.short = true
	if _, err := r.Of(t.Context(), 1, 2); err == nil {
		t.Error("users without their numbers are taken")
	}
}

func TestEntitled(t *testing.T) {
	list := []Member{{1, 0}, {2, 5}, {3, 6}, {4, 7}}
	if got := Entitled(list, 6); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("entitled to message 6: %v", got)
	}
}

func TestShards(t *testing.T) {
	const users = 80_000
	list := &List{}
	for i := range int64(users) {
		list.Members = append(list.Members, Member{UserID: i<<22 | 3<<12}) // ids as they are made: a time, a worker, no counter
	}
	for shard := range uint32(Shards) {
		part := list.Shard(shard)
		if n := len(part); n < users/Shards*8/10 || n > users/Shards*12/10 {
			t.Errorf("shard %d has %d of %d users", shard, n, users)
		}
		for _, m := range []Member{part[0], part[len(part)/2], part[len(part)-1]} {
			if found, ok := Find(part, m.UserID); !ok || found != m || ShardOf(m.UserID) != shard {
				t.Errorf("shard %d: %v is not found in it", shard, m)
			}
			if _, ok := Find(part, m.UserID+1); ok {
				t.Error("who is not there is found")
			}
		}
	}
	// These shards are fixed: an earlier release may have split tasks that are still in the queue.
	if got := []uint32{ShardOf(1), ShardOf(2), ShardOf(120257514309681153)}; !slices.Equal(got, []uint32{4, 7, 7}) {
		t.Errorf("users have changed shards: %v", got)
	}
}

// TestWithoutAVersionForAMoment: version 0 is given a list that is a second old at most.
func TestWithoutAVersionForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeMembers{n: 3}
		r := New(f)
		for _, step := range []struct {
			pause time.Duration
			calls int
		}{{0, 1}, {unversionedFor, 1}, {time.Millisecond, 2}, {0, 2}} {
			time.Sleep(step.pause)
			if _, err := r.Of(t.Context(), 1, 0); err != nil {
				t.Fatal(err)
			}
			if f.calls != step.calls {
				t.Errorf("%d reads, want %d", f.calls, step.calls)
			}
		}
	})
}

// TestOneLoadForAll: concurrent calls for the same list share a load, which does not end when the first caller
// gives up.
func TestOneLoadForAll(t *testing.T) {
	for _, version := range []int64{0, 7} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeMembers{n: 3, hold: make(chan struct{})}
			r := New(f)
			first, cancel := context.WithCancel(t.Context())
			results := make(chan error, 9)
			for i := range 9 {
				ctx := t.Context()
				if i == 0 {
					ctx = first
				}
				go func() {
					_, err := r.Of(ctx, 1, version)
					results <- err
				}()
				synctest.Wait() // the first caller begins the load, the others wait for it
			}
			cancel()
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Errorf("who gave up got %v", err)
			}
			close(f.hold)
			for range 8 {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
			if f.calls != 1 {
				t.Errorf("%d loads for nine who want the same", f.calls)
			}
		})
	}
}

func TestListsAreCounted(t *testing.T) {
	r := New(&fakeMembers{n: 5})
	for range 3 {
		if _, err := r.Of(t.Context(), 1, 7); err != nil {
			t.Fatal(err)
		}
	}
	if known, loaded := r.Counts(); known != 2 || loaded != 1 {
		t.Fatalf("%d remembered, %d loaded", known, loaded)
	}
}
