package vectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// once makes a call and checks its answer against the vector, against openapi.yaml, and
// against the rules for every answer.
func (r *run) once(ctx context.Context, c Call) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, body, err := r.request(ctx, c)
	if err != nil {
		return err
	}
	resp, raw, err := exchange(req) //nolint:bodyclose // exchange reads and closes it
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.Method, c.Path, err)
	}
	answer, err := r.answer(req, resp, raw)
	if err != nil {
		return err
	}
	if err := r.expectHTTP(c.Expect, resp, answer); err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.RequestURI(), err)
	}
	if resp.StatusCode < 300 {
		if err := r.Contract.Request(req, body); err != nil {
			return fmt.Errorf("the server took what the contract does not have: %w", err)
		}
	}
	return r.vars.capture(c.Capture, answer)
}

// exchange makes a call, and repeats it while the answer is 503, which a busy machine may give.
// Repeating is safe by the contract.
func exchange(req *http.Request) (*http.Response, []byte, error) {
	for {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, nil, err
		}
		raw, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return nil, nil, fmt.Errorf("read the answer: %w", err)
		}
		if resp.StatusCode != http.StatusServiceUnavailable {
			return resp, raw, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-req.Context().Done():
			return nil, nil, req.Context().Err()
		}
		if req.Body, err = req.GetBody(); err != nil {
			return nil, nil, err
		}
	}
}

func (r *run) request(ctx context.Context, c Call) (*http.Request, []byte, error) {
	path, err := r.vars.text(c.Path)
	if err != nil {
		return nil, nil, err
	}
	body, err := r.payload(c.Body, c.Text)
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, r.base()+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	token, err := r.token(c.As, c.Token)
	if err != nil {
		return nil, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, body, nil
}

// token returns the named token, or that of the user; "" without either.
func (r *run) token(user string, named *string) (string, error) {
	if named != nil {
		return r.vars.text(*named)
	}
	if user == "" {
		return "", nil
	}
	return r.vars.text("${" + user + ".token}")
}

// payload returns text if there is one, which need not be JSON, else value as JSON.
func (r *run) payload(value any, text *string) ([]byte, error) {
	if text != nil {
		s, err := r.vars.text(*text)
		return []byte(s), err
	}
	if value == nil {
		return nil, nil
	}
	expanded, err := r.vars.expand(value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(expanded)
}

// answer checks the rules for every answer, and returns its JSON body.
func (r *run) answer(req *http.Request, resp *http.Response, raw []byte) (any, error) {
	if err := r.Contract.Response(req, resp, raw); err != nil {
		return nil, err
	}
	trace := resp.Header.Get("X-Trace-Id")
	if trace == "" {
		return nil, fmt.Errorf("%s %s: no X-Trace-Id", req.Method, req.URL.Path)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return nil, nil
	}
	var body any
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, fmt.Errorf("the answer of %s %s: %w", req.Method, req.URL.Path, err)
	}
	if resp.StatusCode >= 400 && strings.HasPrefix(req.URL.Path, "/api/") {
		if err := match(map[string]any{"error": map[string]any{"traceId": trace}}, body); err != nil {
			return nil, fmt.Errorf("the error body of %s %s: %w", req.Method, req.URL.Path, err)
		}
	}
	return body, nil
}
