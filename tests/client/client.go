// Package client is a client of GoChat's HTTP API and WebSocket, for the load
// generator and for tests from outside.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// Server is a running GoChat.
type Server struct {
	// URL is http://host:port.
	URL string
	// HTTP makes the calls.
	HTTP *http.Client
}

// New returns a Server at a base URL with its own HTTP client, which keeps up to
// 256 idle connections and has a timeout of 30 s.
func New(base string) *Server {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 256
	return &Server{URL: strings.TrimRight(base, "/"), HTTP: &http.Client{Transport: t, Timeout: 30 * time.Second}}
}

// Close closes idle connections.
func (s *Server) Close() { s.HTTP.CloseIdleConnections() }

// Account is a registered user with a token.
type Account struct {
	Server *Server
	UserID string
	Name   string
	Token  string
}

// Error is an answer whose status is not 2xx.
type Error struct {
	Status     int
	Code       string            `json:"code"`
	Message    string            `json:"message"`
	TraceID    string            `json:"traceId"`
	Fields     map[string]string `json:"fields"`
	RetryAfter time.Duration     `json:"-"`
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

// Call sends body as JSON (nil: none) and decodes a 2xx answer into out (nil:
// ignored). Other answers are an *Error.
func (s *Server) Call(ctx context.Context, method, path, token string, body, out any) error {
	var in io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the body of %s %s: %w", method, path, err)
		}
		in = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, in)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return failure(resp, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("decode the answer of %s %s: %w", method, path, err)
	}
	return nil
}

func failure(resp *http.Response, data []byte) error {
	var body struct {
		Error Error `json:"error"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		body.Error.Message = string(data)
	}
	body.Error.Status = resp.StatusCode
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		body.Error.RetryAfter = time.Duration(n) * time.Second
	}
	return &body.Error
}

// unavailableTries bounds the retries of a registration that is answered with 503, as a busy
// machine does: hashing a password is expensive.
const unavailableTries = 20

// Register makes an account. It waits and retries when the server answers 429 or, up to 20 times,
// 503; it ends with ctx's error when ctx is done meanwhile.
func (s *Server) Register(ctx context.Context, name, password string) (*Account, error) {
	path, unavailable := "/api/auth/register", 0
	for {
		var out struct {
			Token string `json:"token"`
			User  struct {
				UserID string `json:"userId"`
			} `json:"user"`
		}
		err := s.Call(ctx, http.MethodPost, path, "", map[string]string{"username": name, "password": password}, &out)
		var refused *Error
		if errors.As(err, &refused) {
			again := refused.Status == http.StatusTooManyRequests
			switch {
			case refused.Status == http.StatusServiceUnavailable && unavailable < unavailableTries:
				unavailable++
				again = true
			case refused.Status == http.StatusConflict && unavailable > 0:
				path, again = "/api/auth/login", true // an earlier attempt made the account despite its 503
			}
			if again {
				select {
				case <-time.After(max(refused.RetryAfter, time.Second)):
					continue
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
		}
		if err != nil {
			return nil, fmt.Errorf("register %s: %w", name, err)
		}
		return &Account{Server: s, UserID: out.User.UserID, Name: name, Token: out.Token}, nil
	}
}

// Call is Server.Call with the account's token.
func (a *Account) Call(ctx context.Context, method, path string, body, out any) error {
	return a.Server.Call(ctx, method, path, a.Token, body, out)
}

// Dial opens a WebSocket; d may be nil, and device may be empty. The first frame is hello.
func (a *Account) Dial(ctx context.Context, d *websocket.Dialer, device string) (*websocket.Conn, error) {
	u := "ws" + strings.TrimPrefix(a.Server.URL, "http") + "/ws?token=" + url.QueryEscape(a.Token)
	if device != "" {
		u += "&deviceId=" + url.QueryEscape(device)
	}
	conn, resp, err := d.DialContext(ctx, u, nil)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("open a WebSocket for %s: %w (status %d)", a.Name, err, resp.StatusCode)
		}
		return nil, fmt.Errorf("open a WebSocket for %s: %w", a.Name, err)
	}
	// The library's own handler gives a pong a second, which passes on a busy machine before it is written; then the
	// socket is broken.
	conn.SetPingHandler(func(data string) error {
		err := conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(pongWithin))
		if errors.Is(err, websocket.ErrCloseSent) {
			return nil
		}
		return err
	})
	return conn, nil
}

// pongWithin bounds the answer to a ping.
const pongWithin = 30 * time.Second

// Message is a message of a history.
type Message struct {
	MessageID      string `json:"messageId"`
	ConversationID string `json:"conversationId"`
	SeqID          uint64 `json:"seqId"`
	SenderID       string `json:"senderId"`
	Content        string `json:"content"`
	MessageType    string `json:"messageType"`
	TempMessageID  string `json:"tempMessageId"`
	Timestamp      int64  `json:"timestamp"`
	Expired        bool   `json:"expired"`
}

// History returns all messages of a conversation.
func (a *Account) History(ctx context.Context, conversation string) ([]Message, error) {
	return a.HistoryAfter(ctx, conversation, 0)
}

// HistoryAfter returns the messages of a conversation whose number is greater than seq.
func (a *Account) HistoryAfter(ctx context.Context, conversation string, seq uint64) ([]Message, error) {
	var all []Message
	err := a.EachMessage(ctx, conversation, seq, func(m Message) error {
		all = append(all, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// EachMessage calls do for each message whose number is greater than after, in order. An error of do ends it and is
// returned. It holds one page in memory at a time.
func (a *Account) EachMessage(ctx context.Context, conversation string, after uint64, do func(Message) error) error {
	for {
		var page struct {
			Messages []Message `json:"messages"`
			HasMore  bool      `json:"hasMore"`
		}
		path := fmt.Sprintf("/api/conversations/%s/messages?afterSeq=%d&limit=200", conversation, after)
		if err := a.Call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		for _, m := range page.Messages {
			if err := do(m); err != nil {
				return err
			}
			after = m.SeqID
		}
		if !page.HasMore || len(page.Messages) == 0 {
			return nil
		}
	}
}
