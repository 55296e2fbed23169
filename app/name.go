package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/gochat/gochat/infra/registry"
)

// nameProcess gives the process the name that people know it by. It is first: from when an address is
// open others ask for it.
func (a *App) nameProcess(context.Context) error {
	if a.name = a.cfg.Name; a.name != "" {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("ask for the host's name (or set GOCHAT_NAME): %w", err)
	}
	a.name = host + "-" + strconv.Itoa(os.Getpid())
	return nil
}

// replica is the name of this process's part of a role, which no other replica
// has at the same time.
func (a *App) replica(role string) string { return role + "-" + a.slot }

// claimNames claims what this process is known by. A name of its own is refused when
// another process that lives has it. Without one it gets a number, of a dead process of
// the same roles first: what that left open is then ended at once.
func (a *App) claimNames(ctx context.Context) error {
	a.slot = a.name
	if a.cfg.Name == "" {
		if a.cfg.MQ.kind().fences == nil || !a.publishes() {
			return nil
		}
		kind := strings.Join(a.roles.names(), "+")
		if a.roles.whole() {
			kind = roleAll
		}
		name, err := a.registry.ClaimSlot(ctx, kind)
		if err != nil {
			return err
		}
		a.slot = name.String()
		a.holdName(name)
		return nil
	}
	for _, r := range a.roles {
		if !r.named() {
			continue
		}
		name, err := a.registry.ClaimName(ctx, a.replica(r.name))
		if err != nil {
			return nameTaken(err)
		}
		a.holdName(name)
	}
	return nil
}

// nameTaken says what to do when a name is another process's.
func nameTaken(err error) error {
	if !errors.Is(err, registry.ErrNameTaken) {
		return err
	}
	return fmt.Errorf("%w; end that one, or give this one a name of its own (setting name, GOCHAT_NAME)", err)
}

// named reports whether a process must have the name of its part of a role to itself: it publishes, and
// whoever opens an outbox ends the one of that name before it, or it answers calls under it.
func (r role) named() bool { return r.needs&needsOutbox != 0 || len(r.provides) > 0 }

// publishes reports whether this process opens outboxes.
func (a *App) publishes() bool { return a.roles.need(needsOutbox) }

// holdName keeps a name until the process ends, and ends the process when it is lost.
func (a *App) holdName(name *registry.Name) {
	a.stack.Go("name "+name.String(), func(ctx context.Context) error {
		select {
		case err := <-name.Lost():
			return errors.Join(fmt.Errorf("%w; each process needs a name of its own (setting name, GOCHAT_NAME)", err), name.Close())
		case <-ctx.Done():
			return name.Close()
		}
	})
}

// nameAlone is for a process that has no registry to ask: on its host it is the first,
// the second, … that lives on the same queue, or the only one of its own name.
func (a *App) nameAlone() error {
	a.slot = a.name
	fences := a.cfg.MQ.kind().fences
	if fences == nil {
		return nil
	}
	queue := fences(a.cfg.MQ)
	if a.cfg.Environment != "" {
		queue += " " + a.cfg.Environment
	}
	if a.cfg.Name != "" {
		seat, err := registry.Seat(queue + " " + a.cfg.Name)
		if err != nil {
			return nameTaken(fmt.Errorf("take the name %s on this host: %w", a.cfg.Name, err))
		}
		a.leaveSeat(seat)
		return nil
	}
	number, seat, ok := registry.Slot(queue)
	if ok {
		a.slot = strings.TrimSuffix(a.name, "-"+strconv.Itoa(os.Getpid())) + "-slot-" + strconv.Itoa(number)
		a.leaveSeat(seat)
	}
	return nil
}

// leaveSeat gives a seat to others at the process's end; nil: there is none.
func (a *App) leaveSeat(seat io.Closer) {
	if seat != nil {
		a.stack.Push("name "+a.slot, func(context.Context) error { return seat.Close() })
	}
}
