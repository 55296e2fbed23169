// Package roster remembers the members of groups, for whoever delivers to all of them.
package roster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Members lists who is in a group, in pages.
type Members interface {
	ListMemberIDs(ctx context.Context, in *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error)
}

// Member is a user in a group. JoinSeq is the join floor: messages up to this number are not for the member.
type Member struct {
	UserID  int64
	JoinSeq uint64
}

// The lists that are remembered: many of groups of the usual size, a few of very large ones,
// whose lists take megabytes.
const (
	usual     = 1000
	usualKept = 4096
	largeKept = 16

	pageSize = 1000

	// loadTimeout bounds one load, which concurrent calls for the same list share.
	loadTimeout = time.Minute
	// unversionedFor is how long a list that was loaded for version 0 is used again: by the other shards of the
	// same task, whose tasks come shortly after each other.
	unversionedFor = time.Second
)

// Roster remembers lists of members by group and members version. Safe for concurrent use.
type Roster struct {
	members Members
	flights singleflight.Group
	usual   *lru.Cache[key, *List]
	large   *lru.Cache[key, *List]
	// known and loaded count calls of Of whose list was remembered, and whose list had to be loaded.
	known, loaded atomic.Uint64
}

// Counts returns how often a list was remembered, and how often one had to be loaded.
func (r *Roster) Counts() (known, loaded uint64) { return r.known.Load(), r.loaded.Load() }

// List is who is in a group, ascending by user id. It is shared and must not be changed.
type List struct {
	Members []Member

	// at is when the list began to be read.
	at time.Time

	split sync.Once
	parts [Shards][]Member
}

// Shards is the number of parts that the members of a group are split into. It must not change while there are
// tasks for shards in the queue.
const Shards = 8

// ShardOf returns the shard that a user is in. Ids are made of time and a counter, whose bits
// are far from even: they are mixed first (the finalizer of MurmurHash3).
func ShardOf(user int64) uint32 {
	x := uint64(user) //nolint:gosec // bits are bits
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return uint32(x % Shards) //nolint:gosec // below Shards
}

// Shard returns the members of one shard, ascending by user id.
func (l *List) Shard(shard uint32) []Member {
	l.split.Do(func() {
		for _, m := range l.Members {
			l.parts[ShardOf(m.UserID)] = append(l.parts[ShardOf(m.UserID)], m)
		}
	})
	return l.parts[shard%Shards]
}

// Find returns a member of a list that is ascending by user id.
func Find(list []Member, user int64) (Member, bool) {
	i, found := slices.BinarySearchFunc(list, user, func(m Member, user int64) int { return cmp.Compare(m.UserID, user) })
	if !found {
		return Member{}, false
	}
	return list[i], true
}

// key names a group's members at a members version.
type key struct{ group, version int64 }

// New returns a roster.
func New(members Members) *Roster {
	r := &Roster{members: members}
	// New fails only for sizes below 1.
	r.usual, _ = lru.New[key, *List](usualKept)
	r.large, _ = lru.New[key, *List](largeKept)
	return r
}

// Of returns the list of a group's members, which is as new as the members version or newer: a member who
// joined since has a JoinSeq that excludes the version's messages, and one who left since is missing. Version 0
// is for callers who know none; they get a list of the last second, or of a load in flight. Concurrent calls
// for the same list share one load.
func (r *Roster) Of(ctx context.Context, group, version int64) (*List, error) {
	k := key{group, version}
	for _, kept := range []*lru.Cache[key, *List]{r.usual, r.large} {
		if list, ok := kept.Get(k); ok && (version != 0 || time.Since(list.at) <= unversionedFor) {
			r.known.Add(1)
			return list, nil
		}
	}
	r.loaded.Add(1)
	flight := r.flights.DoChan(fmt.Sprint(k), func() (any, error) {
		// The load goes on when the caller who began it gives up: others wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return r.load(ctx, group)
	})
	var list *List
	select {
	case done := <-flight:
		if done.Err != nil {
			return nil, done.Err
		}
		list = done.Val.(*List) //nolint:errcheck,forcetypeassert // load returns nothing else
	case <-ctx.Done():
		return nil, fmt.Errorf("list members of group %d: %w", group, ctx.Err())
	}
	if len(list.Members) > usual {
		r.large.Add(k, list)
	} else {
		r.usual.Add(k, list)
	}
	return list, nil
}

func (r *Roster) load(ctx context.Context, group int64) (*List, error) {
	all, began := []Member(nil), time.Now()
	in := &pb.ListMemberIDsRequest{GroupId: group, Limit: pageSize}
	for {
		page, err := r.members.ListMemberIDs(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list members of group %d after %d: %w", group, in.GetAfterUserId(), err)
		}
		ids, joins := page.GetUserIds(), page.GetJoinSeqs()
		if len(joins) != len(ids) {
			return nil, fmt.Errorf("list members of group %d: %d users and %d numbers", group, len(ids), len(joins))
		}
		for i, id := range ids {
			all = append(all, Member{UserID: id, JoinSeq: joins[i]})
		}
		if !page.GetHasMore() || len(ids) == 0 {
			return &List{Members: all, at: began}, nil
		}
		in = &pb.ListMemberIDsRequest{GroupId: group, Limit: pageSize, AfterUserId: ids[len(ids)-1]}
	}
}

// Entitled returns the members whom a message with this number is for: those who joined before it.
func Entitled(list []Member, seq uint64) []int64 {
	out := make([]int64, 0, len(list))
	for _, m := range list {
		if m.JoinSeq < seq {
			out = append(out, m.UserID)
		}
	}
	return out
}
