package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/steady"
)

// use is what etcd remembers of a worker id's last holder, for ever: there are no more uses than worker ids.
type use struct {
	Owner  string `json:"owner"`
	Holder string `json:"holder"`
	// From and Until are times in ms: this holder made no ids with the number before From and none after
	// Until.
	From  int64 `json:"from"`
	Until int64 `json:"until"`
}

func (u use) String() string {
	b, err := json.Marshal(u)
	if err != nil {
		panic(fmt.Sprintf("encode strings as JSON: %v", err)) // cannot be
	}
	return string(b)
}

// claimKey has a lease and exists while a number is held; useKey stays and has the number's last use.
func (w *WorkerID) claimKey(id int64) string {
	return w.r.prefix + "/workers/claims/" + strconv.FormatInt(id, 10)
}

func (w *WorkerID) useKey(id int64) string {
	return w.r.prefix + "/workers/uses/" + strconv.FormatInt(id, 10)
}

// candidate is a number that nobody holds.
type candidate struct {
	id       int64
	revision int64 // of its use; 0: none
	from     int64 // as in claim
}

// acquire claims a number, want if it is free. Others are tried in a random order: after a loss of etcd's
// data a number that looks free may still be used by a process that has not noticed the loss.
func (w *WorkerID) acquire(ctx context.Context, want int64) (*claim, error) {
	l, err := w.r.grant(ctx, w.r.workerTTL)
	if err != nil {
		return nil, err
	}
	for {
		free, err := w.free(ctx, want)
		if err == nil && len(free) == 0 {
			err = ErrWorkerIDsTaken
		}
		if err != nil {
			l.revoke()
			return nil, err
		}
		// Some of a list may be taken since it was read; then it is read again.
		for _, f := range free[:min(len(free), 4)] {
			c, err := w.take(ctx, l, f)
			if err != nil {
				l.revoke() // it may have been written all the same
				return nil, err
			}
			if c != nil {
				return c, nil
			}
		}
	}
}

// free lists the numbers that can be claimed now.
func (w *WorkerID) free(ctx context.Context, want int64) ([]candidate, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := w.r.client.Txn(ctx).Then(
		clientv3.OpGet(w.r.prefix+"/workers/claims/", clientv3.WithPrefix(), clientv3.WithKeysOnly()),
		clientv3.OpGet(w.r.prefix+"/workers/uses/", clientv3.WithPrefix()),
	).Commit()
	if err != nil {
		return nil, fmt.Errorf("read the worker ids from etcd: %w", err)
	}
	blocked := map[int64]bool{}
	for _, kv := range resp.Responses[0].GetResponseRange().Kvs {
		blocked[number(kv.Key)] = true
	}
	now := steady.Now().UnixMilli()
	used := map[int64]candidate{}
	for _, kv := range resp.Responses[1].GetResponseRange().Kvs {
		id := number(kv.Key)
		var u use
		if err := json.Unmarshal(kv.Value, &u); err != nil {
			w.r.log.Warn("a worker id's last use cannot be read; the number is left out", zap.ByteString("key", kv.Key), zap.Error(err))
			blocked[id] = true
			continue
		}
		c := candidate{id: id, revision: kv.ModRevision, from: u.From}
		if u.Holder != w.holder { // one's own past is no danger: the generator knows its last id
			c.from = u.Until + w.r.quarantine.Milliseconds()
		}
		blocked[id] = blocked[id] || now <= c.from
		used[id] = c
	}
	var free []candidate
	for id := range w.max + 1 {
		if !blocked[id] {
			c := used[id]
			c.id = id
			free = append(free, c)
		}
	}
	rand.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] }) // #nosec G404 -- nothing secret
	for i, c := range free {
		if c.id == want {
			free[0], free[i] = free[i], free[0]
		}
	}
	return free, nil
}

// number is the last part of a key; -1, which is nobody's, when it is none.
func number(key []byte) int64 {
	s := string(key)
	n, err := strconv.ParseInt(s[strings.LastIndexByte(s, '/')+1:], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// take claims one number; nil when somebody was faster.
func (w *WorkerID) take(ctx context.Context, l *lease, f candidate) (*claim, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	until := w.window()
	resp, err := w.r.client.Txn(ctx).If(
		clientv3.Compare(clientv3.CreateRevision(w.claimKey(f.id)), "=", 0),
		clientv3.Compare(clientv3.ModRevision(w.useKey(f.id)), "=", f.revision),
	).Then(
		clientv3.OpPut(w.claimKey(f.id), w.holder, clientv3.WithLease(l.id)),
		clientv3.OpPut(w.useKey(f.id), use{w.owner, w.holder, f.from, until}.String()),
	).Commit()
	if err != nil {
		return nil, fmt.Errorf("write worker id %d to etcd: %w", f.id, err)
	}
	if !resp.Succeeded {
		return nil, nil
	}
	return &claim{id: f.id, lease: l, deadline: l.deadline(), from: f.from, until: until}, nil
}

// confirm renews a claim; errLeaseGone when it is lost.
func (w *WorkerID) confirm(ctx context.Context, c *claim) (*claim, error) {
	if err := c.lease.renew(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	until := w.window()
	resp, err := w.r.client.Txn(ctx).
		If(clientv3.Compare(clientv3.Value(w.claimKey(c.id)), "=", w.holder)).
		Then(clientv3.OpPut(w.useKey(c.id), use{w.owner, w.holder, c.from, until}.String())).
		Commit()
	if err != nil {
		return nil, fmt.Errorf("write worker id %d to etcd: %w", c.id, err)
	}
	if !resp.Succeeded {
		return nil, errLeaseGone
	}
	return &claim{id: c.id, lease: c.lease, deadline: c.lease.deadline(), from: c.from, until: until}, nil
}

// give stops the use of the number, then gives it back with the time of its end.
func (w *WorkerID) give() {
	c := w.claim.Swap(nil)
	if c == nil {
		return
	}
	ctx, cancel := w.r.farewell()
	defer cancel()
	// Ids that are being made now have read the clock before this.
	last := use{w.owner, w.holder, c.from, steady.Now().UnixMilli() + 1}
	_, err := w.r.client.Txn(ctx).
		If(clientv3.Compare(clientv3.Value(w.claimKey(c.id)), "=", w.holder)).
		Then(clientv3.OpPut(w.useKey(c.id), last.String())).
		Commit()
	if err != nil {
		w.r.note("giving the worker id back", err)
	}
	c.lease.revokeIn(ctx)
}
