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
	// soon is how long one member of etcd is waited for alone.
	soon = callTimeout / 6
	// mostAsked is how many are asked: new streams take turns among the members, so of the
	// second and the third one at least goes to another member than the first.
	mostAsked = 3
)

// line is a stream of renewals to one member of etcd, used by one goroutine at a
// time. It is kept: where etcd asks for passwords, each new one makes it check the
// password, which is slow on purpose.
type line struct {
	ctx    context.Context // has no deadline for one answer: whoever waits hangs up
	hangUp context.CancelFunc
	stream pb.Lease_LeaseKeepAliveClient // nil until it is open
}

// answer is what came of a request on a line.
type answer struct {
	line *line
	sent time.Time // from before the request was sent
	err  error
}

// renew extends the lease, or returns errLeaseGone. Of several members of etcd one
// may stand still, which a connection notices only after a time as long as the
// lease, so one that gives no answer soon is not waited for alone.
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

// takeLine returns the line that is there, which is the caller's then, or a new
// one: to the next member, since connections take turns.
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
