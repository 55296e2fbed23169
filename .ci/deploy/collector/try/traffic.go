package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
)

const (
	// ordinary is the number of requests that neither fail nor take long, and together the number of them between two
	// waits for their traces: GoChat buffers 2,048 spans and drops more.
	ordinary = 400
	together = 20
	// slow is the duration above which a trace is slow: the default of TRACES_SLOW_MS.
	slow = time.Second
	// sendTimeout is gateway.send_timeout, after which a request whose message is not stored fails.
	sendTimeout = 200 * time.Millisecond
)

// made has the ids of the traces that were made to fail or to be slow.
type made struct {
	ordinary     []string
	failed, slow string
}

// talker makes requests of one user and notes their traces.
type talker struct {
	who  *client.Account
	last string // the trace id of the last answer
	n    int
}

// RoundTrip implements http.RoundTripper. It notes the trace id of each answer.
func (t *talker) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		t.last = resp.Header.Get("X-Trace-Id")
	}
	return resp, err //nolint:wrapcheck // a RoundTripper passes errors on
}

// talk runs an embedded GoChat that sends all traces to a collector, makes ordinary, failing and slow requests, and
// stops GoChat, which then sends its last spans.
func talk(ctx context.Context, binary, dir, collector string, all *receiver) (m made, err error) {
	address, err := chaos.FreeAddress()
	if err != nil {
		return m, err
	}
	data := filepath.Join(dir, "data")
	server := &chaos.Server{Binary: binary, DataDir: data, Address: address, Env: []string{
		"GOCHAT_TRACE_ENDPOINT=" + collector, "GOCHAT_TRACE_SAMPLING=1", "OTEL_BSP_SCHEDULE_DELAY=100",
		"GOCHAT_GATEWAY_SEND_TIMEOUT=" + sendTimeout.String(),
	}}
	if err := server.Start(ctx); err != nil {
		return m, err
	}
	t := &talker{}
	err = t.all(ctx, server.URL(), data, &m, all)
	code, _, ended := server.Term()
	if err = errors.Join(err, ended); err == nil && code != 0 {
		err = fmt.Errorf("GoChat ended with code %d", code)
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, server.Output())
	}
	return m, err
}

func (t *talker) all(ctx context.Context, url, data string, m *made, all *receiver) (err error) {
	s := client.New(url)
	defer s.Close()
	s.HTTP.Transport = t
	if t.who, err = s.Register(ctx, "talker", "a long password"); err != nil {
		return err
	}
	for len(m.ordinary) < ordinary {
		for range together {
			if err := t.request(ctx); err != nil {
				return err
			}
			m.ordinary = append(m.ordinary, t.last)
		}
		if err := all.await(ctx, m.ordinary); err != nil {
			return err
		}
	}
	if m.failed, err = t.fail(ctx, data); err != nil {
		return err
	}
	if m.slow, err = t.dawdle(ctx, data); err != nil {
		return err
	}
	return all.await(ctx, []string{m.failed, m.slow})
}

// request makes an ordinary request: every fifth one is a message.
func (t *talker) request(ctx context.Context) error {
	t.n++
	if t.n%5 == 0 {
		return t.send(ctx)
	}
	return t.who.Call(ctx, http.MethodGet, "/api/conversations", nil, nil)
}

func (t *talker) send(ctx context.Context) error {
	return t.who.Call(ctx, http.MethodPost, "/api/messages", map[string]string{
		"conversationId": "world", "content": "hello", "messageType": "text", "tempMessageId": strconv.Itoa(t.n),
	}, nil)
}

// fail sends a message while the database is locked, so that the request fails by its timeout, and returns the trace
// id. The lock ends as soon as the answer is there, so that the trace fails without being slow.
func (t *talker) fail(ctx context.Context, data string) (string, error) {
	unlock, err := lock(ctx, data)
	if err != nil {
		return "", err
	}
	t.n++
	err = t.send(ctx)
	if unlocked := unlock(); unlocked != nil {
		return "", unlocked
	}
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status < http.StatusInternalServerError {
		return "", fmt.Errorf("a message that could not be stored was answered by %v", err) //nolint:errorlint // nil is wrong, too
	}
	return t.last, nil
}

// dawdle makes a group while the database is locked for longer than slow, and returns the trace id. The call succeeds,
// since SQLite waits even longer (db.busy_timeout).
func (t *talker) dawdle(ctx context.Context, data string) (string, error) {
	unlock, err := lock(ctx, data)
	if err != nil {
		return "", err
	}
	unlocked := make(chan error, 1)
	time.AfterFunc(slow+slow/2, func() { unlocked <- unlock() })
	err = t.who.Call(ctx, http.MethodPost, "/api/groups", map[string]string{"name": "patient"}, nil)
	if err := errors.Join(err, <-unlocked); err != nil {
		return "", fmt.Errorf("make a group while the database is locked: %w", err)
	}
	return t.last, nil
}

// lock takes the write lock of the embedded database, and returns the function that releases it.
func lock(ctx context.Context, data string) (unlock func() error, err error) {
	other, err := sql.Open("sqlite", "file:"+filepath.Join(data, "gochat.db")+"?_txlock=exclusive&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, fmt.Errorf("open the database beside GoChat: %w", err)
	}
	tx, err := other.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the database: %w", err), other.Close())
	}
	return func() error { return errors.Join(tx.Rollback(), other.Close()) }, nil
}
