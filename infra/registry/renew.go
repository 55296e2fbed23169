package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// soon is how long the answer of one member of etcd is waited for before another one is asked.
	soon = callTimeout / 6
	// mostAsked is how many streams are tried. New streams take turns among the members, so of the second and
	// the third at least one goes to another member than the first.
	mostAsked = 3
)

// line is a stream of renewals to one member of etcd, used by one goroutine at a time. It is kept open: where
// etcd asks for passwords, each new stream makes it check the password, which is slow on purpose.
type line struct {
	ctx    context.Context // has no deadline for one answer: whoever waits hangs up
	hangUp context.CancelFunc
	stream pb.Lease_LeaseKeepAliveClient // nil until it is open
}

// answer is the outcome of a request on a line.
type answer struct {
	line *line
	sent time.Time // from before the request was sent
	err  error
}

// renew extends the lease, or returns errLeaseGone. One of several members of etcd may stand still, which a
// connection notices only after a time as long as the lease; so after soon another member is asked as well.
func (l *lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	most := mostAsked
	if len(l.r.client.Endpoints()) == 1 {
		most = 1
	}
	answers := make(chan answer, most)
	var asking sync.WaitGroup
	var lines []*line
	ask := func() {
		if len(lines) < most {
			ln := l.takeLine()
			lines = append(lines, ln)
			asking.Go(func() { answers <- ln.ask(l) })
		}
	}
	defer func() {
		for _, other := range lines {
			if other != l.line {
				other.hangUp()
			}
		}
		asking.Wait()
	}()
	ask()
	for failed := 0; ; {
		select {
		case a := <-answers:
			if a.err == nil {
				l.extend(a.sent)
				l.line = a.line
				return nil
			}
			if failed++; failed == most || errors.Is(a.err, errLeaseGone) {
				return a.err
			}
			if failed == len(lines) {
				ask()
			}
		case <-time.After(soon):
			ask()
		case <-ctx.Done():
			return fmt.Errorf("renew a lease: %w", ctx.Err())
		}
	}
}

// takeLine returns the lease's line, which the caller owns then, or a new one, which goes to the next member.
func (l *lease) takeLine() *line {
	if ln := l.line; ln != nil {
		l.line = nil
		return ln
	}
	ln := &line{}
	ln.ctx, ln.hangUp = context.WithCancel(clientv3.WithRequireLeader(context.WithoutCancel(l.r.ctx)))
	return ln
}

// ask sends a request and waits for its answer, or until somebody hangs up.
func (ln *line) ask(l *lease) answer {
	a := answer{line: ln}
	if ln.stream == nil {
		ln.stream, a.err = pb.NewLeaseClient(l.r.client.ActiveConnection()).LeaseKeepAlive(ln.ctx)
	}
	if a.err == nil {
		a.sent = time.Now()
		a.err = ln.stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(l.id)})
	}
	var resp *pb.LeaseKeepAliveResponse
	if a.err == nil {
		resp, a.err = ln.stream.Recv()
	}
	switch {
	case a.err != nil:
		a.err = fmt.Errorf("renew a lease: %w", a.err)
	case resp.TTL <= 0:
		a.err = errLeaseGone
	}
	return a
}
