package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// ErrNameTaken is returned, and delivered by Lost, when another process that lives has
// the name.
var ErrNameTaken = errors.New("another process that lives has the same name")

// holder is what etcd knows of who has a name.
type holder struct {
	// ID tells this claim from all others, ever.
	ID string `json:"id"`
	// Who is for people.
	Who string `json:"who"`
	// Place is where the holder has the name's seat, as place says; empty: it has no seat.
	Place string `json:"place,omitempty"`
}

func (h holder) String() string {
	b, err := json.Marshal(h)
	if err != nil {
		panic(fmt.Sprintf("encode strings as JSON: %v", err)) // cannot be
	}
	return string(b)
}

// Name is a name that no other process has at the same time, as far as etcd can know: while etcd is away no
// process gives its name up, and a process that starts gets none. It is safe for concurrent use.
type Name struct {
	r     *Registry
	name  string
	house string
	who   holder
	seat  io.Closer // nil: none
	lease *lease    // of run, once it runs

	lost   chan error
	cancel context.CancelFunc
	done   chan struct{}
	closed sync.Once
}

// ClaimName claims a name, or returns ErrNameTaken when a process that lives has it. The name of a dead
// process is taken over: at once when it died in the same place (see place), else when its lease has run out.
func (r *Registry) ClaimName(ctx context.Context, name string) (*Name, error) {
	ctx, stop := r.within(ctx)
	defer stop()
	n, err := r.newName(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("claim the name %s at etcd (see registry.endpoints): %w", name, err)
	}
	if err := n.insist(ctx); err != nil {
		n.stand()
		return nil, fmt.Errorf("claim the name %s at etcd (see registry.endpoints): %w", name, err)
	}
	return n.keep()
}

// newName takes the seat of a name, if it can be had.
func (r *Registry) newName(ctx context.Context, name string) (*Name, error) {
	house, err := r.house(ctx)
	if err != nil {
		return nil, err
	}
	n := &Name{
		r: r, name: name, house: house, who: holder{ID: uuid.NewString(), Who: whereabouts()},
		lost: make(chan error, 1), done: make(chan struct{}),
	}
	n.sit()
	return n, nil
}

// sit takes the name's seat, if it can be had. occupied: another process of this place has the seat.
func (n *Name) sit() (occupied bool) {
	if n.seat != nil || place() == "" {
		return false
	}
	if n.seat = takeSeat(n.house + " " + n.name); n.seat == nil {
		return true
	}
	n.who.Place = place()
	return false
}

// house identifies the scope of a name, for its seat: one etcd's data, and the prefix in it.
func (r *Registry) house(ctx context.Context) (id string, err error) {
	err = r.insist(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		resp, err := r.client.Get(ctx, r.prefix+"/names", clientv3.WithCountOnly())
		if err == nil {
			id = strconv.FormatUint(resp.Header.ClusterId, 16) + " " + r.prefix
		}
		return err
	})
	return id, err
}

// String returns the name.
func (n *Name) String() string { return n.name }

// Lost delivers an error that wraps ErrNameTaken when another process has got the name, because etcd had been
// away or had lost its data: this process should end.
func (n *Name) Lost() <-chan error { return n.lost }

// Close gives the name to others. Before that, everything that works under the name must have ended.
func (n *Name) Close() error {
	n.cancel()
	<-n.done
	return nil
}

func (n *Name) key() string { return n.r.prefix + "/names/" + n.name }

// insist takes the name as soon as it is free, and gives up when its holder is seen
// to live.
func (n *Name) insist(ctx context.Context) error {
	var seen pulse
	for began := time.Now(); ; {
		occupied := n.sit()
		try := n.take
		if occupied && time.Since(began) < n.r.ttl {
			try = n.read // etcd may have lost the seat's owner, who will claim the name again
		}
		var other *occupant
		err := n.r.insist(ctx, func() (err error) {
			other, err = try(ctx)
			return err
		})
		if err != nil || n.lease != nil {
			return err
		}
		alive := false
		if other != nil {
			if alive = occupied && other.Place == place(); !alive {
				alive, err = seen.beats(ctx, n.r, other)
			}
		}
		if err != nil {
			return err
		}
		if alive {
			return fmt.Errorf("%w: %s", ErrNameTaken, other.Who)
		}
		n.r.pause(ctx, n.r.ttl/20, nil)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// keep starts the goroutine that owns the name.
func (n *Name) keep() (*Name, error) {
	var run context.Context
	run, n.cancel = context.WithCancel(n.r.ctx)
	if !n.r.own(func() { defer close(n.done); n.run(run) }) {
		n.cancel()
		n.lease.revoke()
		n.stand()
		return nil, ErrClosed
	}
	return n, nil
}

// run is the owner.
func (n *Name) run(ctx context.Context) {
	defer n.stand()
	for {
		err := n.lease.keep(ctx, 0)
		if ctx.Err() != nil {
			n.stand() // first, so that a successor need not wait for etcd
			n.lease.revoke()
			return
		}
		n.r.note("keeping the name "+n.name, err)
		if other := n.again(ctx); other != nil {
			n.lost <- fmt.Errorf("the name %s: %w: %s", n.name, ErrNameTaken, other.Who)
			return
		}
	}
}

// again claims the name anew, trying for as long as etcd is away; it returns who has the name now, if another
// process does.
func (n *Name) again(ctx context.Context) *occupant {
	for ctx.Err() == nil {
		other, err := n.take(ctx)
		n.r.note("claiming the name "+n.name+" again", err)
		if err == nil {
			if other == nil {
				n.r.log.Info("etcd had lost this process's name; it is claimed again", zap.String("name", n.name))
			}
			return other
		}
		n.r.pause(ctx, n.r.retry, nil)
	}
	return nil
}

// stand gives the seat up.
func (n *Name) stand() {
	n.closed.Do(func() {
		if n.seat != nil {
			_ = n.seat.Close() // the kernel does it as well
		}
	})
}
