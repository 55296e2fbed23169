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

// nameProcess sets the name that people see. It is the first step of the start, because metrics, status and logs
// use the name as soon as the first address is open.
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

// replica returns the name of a role in this process; no other living process has the same one.
func (a *App) replica(role string) string { return role + "-" + a.slot }

// claimNames leases this process's names at etcd. A configured name is refused while another living process has it.
// Without a configured name the process gets a slot, first one of a dead process with the same roles: reusing that
// name fences the outboxes that the dead process left open.
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

// nameTaken adds to ErrNameTaken what the operator can do; other errors are returned as they are.
func nameTaken(err error) error {
	if !errors.Is(err, registry.ErrNameTaken) {
		return err
	}
	return fmt.Errorf("%w; end that one, or give this one a name of its own (setting name, GOCHAT_NAME)", err)
}

// named reports whether the role's name in a process must be unique: an outbox fences an earlier one of the same
// name, and services are registered by name.
func (r role) named() bool { return r.needs&needsOutbox != 0 || len(r.provides) > 0 }

// publishes reports whether this process opens outboxes.
func (a *App) publishes() bool { return a.roles.need(needsOutbox) }

// holdName keeps the lease of a name until the process stops, and ends the process when the lease is lost.
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

// nameAlone names a process without a registry, unique among the processes of this host that use the same queue: by
// its configured name, or by the lowest free slot. Queues without fencing need no such name.
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

// leaveSeat frees the seat, which holds the name on this host, when the process stops; nil: there is none.
func (a *App) leaveSeat(seat io.Closer) {
	if seat != nil {
		a.stack.Push("name "+a.slot, func(context.Context) error { return seat.Close() })
	}
}
