package chaos

import (
	"context"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gochat/gochat/tests/client"
)

// speak writes new sends, repetitions and pings until ctx is done. It is the only writer of the socket.
func (t *Talker) speak(ctx context.Context, conn *websocket.Conn) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	pinged := time.Now()
	for {
		var frames [][]byte
		for f := t.nextFrame(); f != nil; f = t.nextFrame() {
			frames = append(frames, f)
		}
		frames = append(frames, t.unfinished(again)...)
		if time.Since(pinged) >= pingEvery {
			pinged = time.Now()
			frames = append(frames, []byte(`{"type":"ping"}`))
		}
		if err := t.write(conn, frames); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *Talker) write(conn *websocket.Conn, frames [][]byte) error {
	for _, frame := range frames {
		if err := conn.SetWriteDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		if err := conn.WriteMessage(websocket.TextMessage, frame); err != nil {
			return err
		}
	}
	return nil
}

// unfinished returns the frames of sends without an outcome that were last written at
// least so long ago, and notes that they are written now.
func (t *Talker) unfinished(least time.Duration) [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	var frames [][]byte
	now := time.Now()
	for _, s := range t.pending {
		if now.Sub(s.at) >= least {
			s.at = now
			frames = append(frames, s.frame)
		}
	}
	return frames
}

func (t *Talker) nextFrame() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if !t.talking || len(t.pending) >= t.InFlight || len(t.To) == 0 || now.Sub(t.lately) < t.Pace {
		return nil
	}
	t.lately = now
	s := t.begin(t.To[(t.sent+1)%len(t.To)], content)
	s.at = now
	return s.frame
}

// begin makes the next send, and logs it.
func (t *Talker) begin(to Target, content func(n int, id string) string) *send {
	t.sent++
	id := t.Account.Name + "-" + strconv.Itoa(t.sent)
	text := content(t.sent, id)
	s := &send{frame: frame(to, id, text), begun: time.Now()}
	t.pending[id] = s
	t.Log.Add(Event{Kind: Invoked, Client: t.Account.UserID, TempID: id, Message: brief(client.Message{Content: text})})
	return s
}
