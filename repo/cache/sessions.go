package cache

import (
	"context"
	"errors"
	"time"
)

// ErrNotSwept says that the sessions are registered, but the sessions that dead gateways left with
// the same users were not removed. A later Put removes them.
var ErrNotSwept = errors.New("sessions of dead gateways were not removed")

// ErrPartial says that not all sessions are registered: the registry has lost some, or a gateway is
// not ready yet.
var ErrPartial = errors.New("not all gateways have registered their sessions")

// Times of the registry.
const (
	// SessionFor is how long a session is kept after it was put. Gateways put theirs every ten
	// minutes.
	SessionFor = 30 * time.Minute
	// GatewayFor is how long a gateway counts as live after a beat. Beats come every 5 s, so that
	// two may be lost. The users of a dead gateway are offline within 30 s: gateways hear of it with
	// their next beat, and ask for whom they watch two to twelve seconds later.
	GatewayFor = 12 * time.Second
	// SeenFor is how long a gateway that was live still counts as possibly live when the registry
	// does not know it: the registry may have lost it, or its beat may be late. Records for a
	// gateway that is really gone are dropped with its topic.
	SeenFor = 2 * GatewayFor
	// DeadAfter is how long a gateway must be unknown before its sessions are removed.
	DeadAfter = 2 * GatewayFor
	// DeadFor is for how long after its last beat Heard.Dead names a gateway.
	DeadFor = 10 * GatewayFor
	// WatchFor is how long a gateway hears of a user's changes after it has asked to. Gateways ask again at least
	// every four minutes.
	WatchFor = 10 * time.Minute
	// CountFor is how long a count of the users online is reused.
	CountFor = 10 * time.Second
)

// Session is one connection of a user.
type Session struct {
	UserID                            int64
	ConnectionID, GatewayID, DeviceID string
	// LoginAt is in Unix milliseconds.
	LoginAt int64
}

// Beat is what a gateway says of itself every 5 s.
type Beat struct {
	// Ready: the gateway has put all its sessions.
	Ready bool
	// PutAt is the Heard.At of the newest answer after which the gateway has put all its sessions;
	// "": there is none; nil: the gateway is of an older release, which does not send it.
	PutAt *string
	// Announces: the gateway tells others when its users come and go. Gateways of older releases do not.
	Announces bool
}

// Heard is the answer to a beat.
type Heard struct {
	// Fresh: the registry did not know the gateway, or may have lost its sessions. The gateway has
	// to put all its sessions, and is not ready before a beat has this answer's At as PutAt.
	Fresh bool
	// At is an opaque word for the present state of everything that holds the gateway's sessions.
	At string
	// Dead lists, sorted, gateways that have stopped beating within DeadFor and did not leave: their users went
	// offline, and nobody has said so. A gateway that beats again is not in it. Of very many, the last are listed.
	Dead []string
	// Mute: a live gateway does not announce changes of its users.
	Mute bool
}

// Located says through which gateways users are reached.
type Located struct {
	// Gateways maps each gateway to those of the users asked for that are connected to it.
	Gateways map[string][]int64
	// Stale lists gateways of which any session may be missing in the registry. They have to get
	// the messages for all of the users.
	Stale []string
	// PartlyStale are gateways of which the sessions of some of the users may be missing. They have to
	// get the messages for these users.
	PartlyStale []PartlyStale
}

// PartlyStale says that each of Users may be connected to each of Gateways.
type PartlyStale struct {
	Users    []int64
	Gateways []string
}

// Sessions is the session registry. It may lose what it holds. It then asks the gateways to put their
// sessions again (Heard.Fresh), and until they have, Locate names too many gateways rather than too
// few. Safe for concurrent use.
type Sessions interface {
	Registry
	Gateways
	Locator
	Presence
	Watchers
}

// Registry holds sessions.
type Registry interface {
	// Put registers sessions for SessionFor, or refreshes them. It also removes sessions of the same
	// users on gateways that are dead for DeadAfter. ErrNotSwept: the sessions are registered, and
	// only the removal failed.
	Put(ctx context.Context, sessions []Session) error
	// Remove removes exactly these sessions: a late disconnect does not remove a newer session
	// with the same connection id.
	Remove(ctx context.Context, sessions ...Session) error
	// Registered reports for each session, in order, whether its connection is registered.
	Registered(ctx context.Context, sessions []Session) ([]bool, error)
}

// Gateways knows which gateways live.
type Gateways interface {
	// Beat says that a gateway lives, for GatewayFor. It is idempotent: the same beat again has the
	// same answer. When it fails, this process still remembers that the gateway lives.
	Beat(ctx context.Context, gateway string, b Beat) (Heard, error)
	// Leave says that a gateway is gone.
	Leave(ctx context.Context, gateway string) error
	// Live lists, sorted, the gateways that beat within GatewayFor, and those that may live
	// although the registry does not know them now.
	Live(ctx context.Context) []string
}

// Locator finds users.
type Locator interface {
	// Locate finds the gateways that users are connected to. A user is at most once in the list of
	// a gateway. While the registry does not answer, however long, Stale has all gateways that may
	// live: no connected user is missed.
	Locate(ctx context.Context, users []int64) Located
}

// Presence tells who is online, by the registry alone: the users of a gateway that did not beat for
// GatewayFor are offline, although Locate may still name that gateway.
type Presence interface {
	// Present returns the devices through which users are connected; a socket without a device is
	// the device "". A user without a live session is not in out. partial: the registry has lost
	// sessions, or a gateway is not ready, so that a user who is not in out may be online.
	Present(ctx context.Context, users []int64) (out map[int64][]string, partial bool, err error)
	// CountOnline returns how many users have a session; the count may be CountFor old, and above
	// some thousands an estimate. ErrAway or ErrPartial when the number is not known.
	CountOnline(ctx context.Context) (int64, error)
}

// Watchers knows which gateways want to hear when users come and go.
//
// Who is online is read after Watch, and Watching is called after a session was put or removed. So a change is either
// in what the watcher reads, or the watcher is in what Watching returns.
type Watchers interface {
	// Watch notes for WatchFor that a gateway wants to hear of changes of the users. told: every live gateway
	// announces changes, so that the watcher need not ask for them.
	Watch(ctx context.Context, gateway string, users []int64) (told bool, err error)
	// Watching returns the gateways that watch the users, sorted; a user whom nobody watches is not in out.
	Watching(ctx context.Context, users []int64) (out map[int64][]string, err error)
}
