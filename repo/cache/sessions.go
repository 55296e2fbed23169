package cache

import (
	"context"
	"errors"
	"time"
)

// ErrNotSwept says that sessions are registered, and what dead gateways have left beside them
// is still there. Later puts take it away.
var ErrNotSwept = errors.New("sessions of dead gateways were not taken away")

// ErrPartial says that not all sessions are registered: the registry has lost some, or a gateway
// joins.
var ErrPartial = errors.New("not all gateways have registered their sessions")

// Times of the registry.
const (
	// SessionFor is how long a session is kept after it was put. Gateways put theirs every ten
	// minutes.
	SessionFor = 30 * time.Minute
	// GatewayFor leaves room for two lost beats of 5 s, and for what watches presence to
	// see a dead gateway's users go within 15 s: it asks every 2 s, of a list up to 1 s old.
	GatewayFor = 12 * time.Second
	// SeenFor is how long a gateway that was live counts as possibly live when the registry
	// does not know it: it may have lost it, or the gateway be late. One that is really gone
	// has no topic, and what is sent there is dropped.
	SeenFor = 2 * GatewayFor
	// DeadAfter is how long a gateway must be unknown before its sessions are taken away.
	DeadAfter = 2 * GatewayFor
	// CountFor is for how long a count of who is online is believed.
	CountFor = 10 * time.Second
)

// Session is one connection of a user.
type Session struct {
	UserID                            int64
	ConnectionID, GatewayID, DeviceID string
	// LoginAt is in Unix milliseconds.
	LoginAt int64
}

// Beat is what a gateway says of itself.
type Beat struct {
	// Ready says that its sessions are in.
	Ready bool
	// PutAt is Heard.At of an answer after which the gateway has put all its sessions, "" when
	// there is none; nil is of a gateway of a version that does not say.
	PutAt *string
}

// Heard is the answer to a beat.
type Heard struct {
	// Fresh: the gateway has to put all its sessions, and is not ready before it says that it
	// has: the registry did not know it, or may have lost them.
	Fresh bool
	// At names all that holds sessions now.
	At string
}

// Located says through which gateways users are reached.
type Located struct {
	// Gateways → their users among those that were asked for.
	Gateways map[string][]int64
	// Every lists gateways whose entries may be incomplete: they get everything.
	Every []string
	// Doubts are gateways whose entries of some of the users may be incomplete: they get
	// what is for those.
	Doubts []Doubt
}

// Doubt says that each of the users may be reached through each of the gateways.
type Doubt struct {
	Users    []int64
	Gateways []string
}

// Sessions is the registry of connections. It may lose what it holds: then it says so, to the
// gateways, which put everything again, and to whoever asks where users are, who sends too much
// rather than too little.
type Sessions interface {
	Registry
	Gateways
	Locator
	Presence
}

// Registry holds connections.
type Registry interface {
	// Put registers connections for SessionFor, or refreshes them, and takes away what gateways
	// that are dead for DeadAfter have left beside them. ErrNotSwept means that only that was
	// not done.
	Put(ctx context.Context, sessions []Session) error
	// Remove takes exactly these connections away: a late disconnect takes no newer session.
	Remove(ctx context.Context, sessions ...Session) error
	// Registered tells of each connection whether it is there.
	Registered(ctx context.Context, sessions []Session) ([]bool, error)
}

// Gateways knows which gateways live.
type Gateways interface {
	// Beat says that a gateway lives, for GatewayFor. Saying the same twice does what saying
	// it once does, and has the same answer. When it fails, this process knows all the same
	// that the gateway lives.
	Beat(ctx context.Context, gateway string, b Beat) (Heard, error)
	// Leave says that a gateway is gone.
	Leave(ctx context.Context, gateway string) error
	// Live lists the gateways that beat within GatewayFor, and those that may live although
	// the registry does not know them now, in order.
	Live(ctx context.Context) []string
}

// Locator finds users.
type Locator interface {
	// Locate finds the gateways of users. Each user comes once a gateway. When the registry
	// does not answer, every gateway that may live gets everything, however long that lasts:
	// nobody who is connected is missed.
	Locate(ctx context.Context, users []int64) Located
}

// Presence tells who is online, and believes nothing but what the registry says: a gateway
// that is silent for GatewayFor takes its users with it.
type Presence interface {
	// Present tells through which devices users are connected; a socket that names none
	// is the device "". Who has no live session is left out. partial: the registry has lost
	// entries and is being told them again, or a gateway says that not all of its own are
	// in, so that it is not known of who is left out.
	Present(ctx context.Context, users []int64) (out map[int64][]string, partial bool, err error)
	// CountOnline tells how many users have a session, as of the last CountFor. A driver may
	// estimate it above some thousands. It is ErrAway or ErrPartial when that cannot be told.
	CountOnline(ctx context.Context) (int64, error)
}
