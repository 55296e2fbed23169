package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gochat/gochat/tests/client"
)

// Listener is a client that never pulls, so that a test sees which messages were pushed. A Talker
// cannot show that: its syncs fill every gap.
type Listener struct {
	Account *client.Account

	conn *websocket.Conn
	work sync.WaitGroup
	mu   sync.Mutex
	got  map[string]bool // by tempMessageId
	news chan struct{}   // closed and replaced at each message, and at the end
	quit chan struct{}
	err  error // why the socket ended
}

// Listen opens a socket and returns after its hello frame. The caller closes the Listener.
func Listen(ctx context.Context, a *client.Account) (*Listener, error) {
	conn, err := a.Dial(ctx, &websocket.Dialer{HandshakeTimeout: silence}, "")
	if err != nil {
		return nil, err
	}
	l := &Listener{Account: a, conn: conn, got: map[string]bool{}, news: make(chan struct{}), quit: make(chan struct{})}
	if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if _, _, err := conn.ReadMessage(); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for the hello of %s: %w", a.Name, err), conn.Close())
	}
	l.work.Go(l.listen)
	l.work.Go(l.ping)
	return l, nil
}

func (l *Listener) listen() {
	for {
		var frame struct {
			Type string
			Data struct{ TempMessageID string }
		}
		err := l.conn.SetReadDeadline(time.Now().Add(silence))
		var data []byte
		if err == nil {
			_, data, err = l.conn.ReadMessage()
		}
		if err == nil {
			err = json.Unmarshal(data, &frame)
		}
		l.mu.Lock()
		if frame.Type == "new-message" {
			l.got[frame.Data.TempMessageID] = true
		}
		l.err = err
		if err != nil || frame.Type == "new-message" {
			close(l.news)
			l.news = make(chan struct{})
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (l *Listener) ping() {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if l.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) != nil {
				return // listen records the error
			}
		case <-l.quit:
			return
		}
	}
}

// Hear waits until the message with a tempMessageId was pushed. It returns an error when the socket ends or ctx is
// done before.
func (l *Listener) Hear(ctx context.Context, tempID string) error {
	for {
		l.mu.Lock()
		got, news, err := l.got[tempID], l.news, l.err
		l.mu.Unlock()
		if got {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s waits for %s: %w", l.Account.Name, tempID, err)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("%s was not pushed to %s: %w", tempID, l.Account.Name, ctx.Err())
		}
	}
}

// Close closes the socket.
func (l *Listener) Close() {
	close(l.quit)
	_ = l.conn.Close() // may be closed already
	l.work.Wait()
}

// Tell sends a message to a listener over HTTP and returns the time until it was stored. While
// the answer is 503 it repeats the send with the same tempMessageId.
func Tell(ctx context.Context, from *client.Account, to *Listener, tempID string) (time.Duration, error) {
	begin := time.Now()
	for {
		err := from.Call(ctx, http.MethodPost, "/api/messages", map[string]string{
			"receiverId": to.Account.UserID, "content": "hello", "messageType": "text", "tempMessageId": tempID,
		}, nil)
		var refused *client.Error
		switch {
		case err == nil:
			return time.Since(begin), nil
		case !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || ctx.Err() != nil:
			return 0, fmt.Errorf("tell %s something: %w", to.Account.Name, err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, fmt.Errorf("tell %s something: %w", to.Account.Name, err)
		}
	}
}
