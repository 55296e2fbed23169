package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gochat/gochat/tests/client"
)

const (
	// deviceBuffer holds the largest frame that a device gets, a short message or its hello.
	deviceBuffer = 4 << 10
	// comeAgain is the pause before another attempt when the server names no delay; the attempts of different devices
	// are spread over spread.
	comeAgain, spread = time.Second, time.Second
)

var helloT = []byte(`{"type":"hello"`)

// device is one socket of a crowd, which can be cut and come back.
type device struct {
	crowd   *crowd
	account *client.Account
	n       int
	how     dialing
	socket  *socket
}

// connect opens the socket, waits for hello, and starts read.
func (d *device) connect(ctx context.Context) error {
	s, err := dial(ctx, d.account, d.how)
	if err != nil {
		return err
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(dialTimeout)); err != nil {
		return errors.Join(fmt.Errorf("wait for hello: %w", err), s.conn.Close())
	}
	frame, err := s.next()
	if err == nil && !bytes.HasPrefix(frame, helloT) {
		err = fmt.Errorf("%w: the first frame is %s", ErrWrong, frame)
	}
	if err == nil {
		err = s.conn.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return errors.Join(fmt.Errorf("wait for hello: %w", err), s.conn.Close())
	}
	d.socket = s
	d.crowd.readers.Go(d.read)
	return nil
}

// read discards frames until the socket ends; only a cut may end it.
func (d *device) read() error {
	for {
		if _, err := d.socket.next(); err != nil {
			if d.crowd.cutting.Load() {
				return nil
			}
			return fmt.Errorf("%w: a socket was lost without a cut: %w", ErrWrong, err)
		}
	}
}

// comeBack connects again and syncs, and records both times since the cut.
func (d *device) comeBack(ctx context.Context) error {
	c := d.crowd
	if err := d.insist(ctx, d.connect); err != nil {
		return err
	}
	c.hello.record(time.Since(c.cut))
	c.back.Add(1)
	if err := d.insist(ctx, d.sync); err != nil {
		return err
	}
	c.synced.record(time.Since(c.cut))
	c.caughtUp.Add(1)
	return nil
}

// sync asks for the news of all conversations, as a device without any stored messages does.
func (d *device) sync(ctx context.Context) error {
	var n news
	begin := time.Now()
	if err := d.account.Call(ctx, http.MethodPost, "/api/sync", map[string]any{"conversations": map[string]uint64{}}, &n); err != nil {
		return err
	}
	d.crowd.call.record(time.Since(begin))
	for _, c := range n.Conversations {
		if c.ConversationID != world && len(c.Messages) >= newsEach {
			return nil
		}
	}
	return fmt.Errorf("%w: a sync after a cut does not bring the %d messages that there are", ErrWrong, newsEach)
}

// insist repeats try until it succeeds, ctx is done, or an error is final (see later).
func (d *device) insist(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		after, again := later(err)
		if !again {
			return err
		}
		d.crowd.turnedOff.Add(1)
		if gone := pause(ctx, after+time.Duration(d.n)*time.Millisecond%spread); gone != nil {
			return fmt.Errorf("%w; the last answer was: %w", gone, err)
		}
	}
}

// later reports whether an error is temporary, and how long to wait then: 429, 503 and errors of the connection are.
func later(err error) (after time.Duration, again bool) {
	var (
		no     *refusal
		answer *client.Error
		status int
	)
	switch {
	case errors.Is(err, ErrWrong):
		return 0, false
	case errors.As(err, &no):
		status, after = no.status, no.after
	case errors.As(err, &answer):
		status, after = answer.Status, answer.RetryAfter
	default:
		return comeAgain, true // the connection failed or ended
	}
	return max(after, comeAgain), status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}
