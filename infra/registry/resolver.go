package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/resolver"
)

// Scheme starts the targets of this registry's resolver: gochat:///logic.
const Scheme = "gochat"

// ErrNoInstance says that no instance of a service has ever been seen.
var ErrNoInstance = errors.New("no instance is registered")

// Resolver returns the gRPC resolver of targets like gochat:///logic, which gives
// the addresses of a service's registered instances and follows their changes.
//
// An address stays while etcd is away. An instance that leaves on purpose goes at once. One whose
// registration ran out stays for some seconds more, as all registrations run out when etcd itself stood still
// or lost its data; the balancer notices by itself which servers do not answer. When no others are left, the
// last addresses stay for minutes, but not for ever: later they may be some other process's.
func (r *Registry) Resolver() resolver.Builder { return builder{r} }

type builder struct{ r *Registry }

// Scheme implements resolver.Builder.
func (b builder) Scheme() string { return Scheme }

// Build implements resolver.Builder.
func (b builder) Build(target resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	service := target.Endpoint()
	if service == "" || strings.Contains(service, "/") {
		return nil, fmt.Errorf("target %q: must be %s:///service", target.String(), Scheme)
	}
	ctx, cancel := context.WithCancel(b.r.ctx)
	res := &resolving{r: b.r, service: service, cc: cc, cancel: cancel, done: make(chan struct{}),
		instances: map[string]instance{}, changes: make(chan []change), failed: make(chan error)}
	if !b.r.own(func() { defer close(res.done); res.run(ctx) }) {
		cancel()
		return nil, ErrClosed
	}
	return res, nil
}

// instance is what a resolver knows of a registration.
type instance struct {
	address string
	gone    time.Time // when it ran out; zero: it is there
}

// resolving is one target's resolver.
type resolving struct {
	r       *Registry
	service string
	cc      resolver.ClientConn
	cancel  context.CancelFunc
	done    chan struct{}

	changes chan []change
	failed  chan error

	instances map[string]instance // by ID; run's own
	told      []string            // the addresses that gRPC knows
}

// ResolveNow implements resolver.Resolver: changes are told as they happen.
func (s *resolving) ResolveNow(resolver.ResolveNowOptions) {}

// Close implements resolver.Resolver.
func (s *resolving) Close() {
	s.cancel()
	<-s.done
}

func (s *resolving) run(ctx context.Context) {
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		s.r.follow(ctx, s.r.serviceKey(s.service), func(c []change) {
			select {
			case s.changes <- c:
			case <-ctx.Done():
			}
		}, func(err error) {
			select {
			case s.failed <- err:
			case <-ctx.Done():
			}
		})
	}()
	defer func() { <-followed }()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case c := <-s.changes:
			s.take(c, time.Now())
			s.tell(nil)
		case err := <-s.failed:
			s.tell(err)
		case now := <-ticker.C:
			if s.expire(now) {
				s.tell(nil)
			}
		case <-ctx.Done():
			return
		}
	}
}

// take applies changes at etcd.
func (s *resolving) take(changes []change, now time.Time) {
	for _, c := range changes {
		if c.gone {
			if in, ok := s.instances[c.key]; ok {
				in.gone = now
				s.instances[c.key] = in
			}
			continue
		}
		var e entry
		err := json.Unmarshal([]byte(c.value), &e)
		if err == nil && e.Address == "" {
			err = errors.New("it has no address")
		}
		if err != nil {
			s.r.log.Warn("a registration cannot be read and is ignored",
				zap.String("service", s.service), zap.String("instance", c.key), zap.Error(err))
			continue
		}
		if e.Leaving {
			delete(s.instances, c.key)
		} else {
			s.instances[c.key] = instance{address: e.Address}
		}
	}
	s.expire(now)
}

// expire forgets instances whose time is over, and reports whether there were any. While no instance is
// registered, the last ones are kept for longer.
func (s *resolving) expire(now time.Time) bool {
	keep := s.r.keepLast
	for _, in := range s.instances {
		if in.gone.IsZero() {
			keep = s.r.grace
			break
		}
	}
	before := len(s.instances)
	maps.DeleteFunc(s.instances, func(_ string, in instance) bool {
		return !in.gone.IsZero() && now.Sub(in.gone) >= keep
	})
	return len(s.instances) < before
}

// tell gives gRPC the addresses, or the reason why there are none.
func (s *resolving) tell(err error) {
	var addresses []string
	for _, in := range s.instances {
		addresses = append(addresses, in.address)
	}
	slices.Sort(addresses)
	addresses = slices.Compact(addresses) // a successor at the same address
	if len(addresses) == 0 && len(s.told) == 0 {
		if err == nil {
			err = ErrNoInstance
		}
		s.cc.ReportError(fmt.Errorf("find service %s: %w", s.service, err))
		return
	}
	if slices.Equal(addresses, s.told) {
		return
	}
	s.told = addresses
	state := resolver.State{}
	for _, a := range addresses {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: a})
	}
	if err := s.cc.UpdateState(state); err != nil {
		// gRPC reports that it has nobody to call, which its calls say, too.
		s.r.log.Debug("gRPC refused the addresses", zap.String("service", s.service), zap.Strings("addresses", addresses), zap.Error(err))
	}
}
