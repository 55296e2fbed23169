package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gochat/gochat/contracts"
)

// answerMax is how many bytes of an answer's body are read, so that its connection can be used again; a longer
// answer closes the connection.
const answerMax = 64 << 10

// Poster posts batches to one receiver. Safe for concurrent use.
type Poster struct {
	hook    string
	url     string
	secrets []string
	timeout time.Duration
	client  *http.Client
}

// NewPoster returns the poster of a hook of a valid configuration. It follows no
// redirect, which would send what people wrote somewhere else, and uses no proxy
// that the environment happens to name.
func NewPoster(cfg Config, hook string) *Poster {
	dialer := &net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second}
	return &Poster{
		hook: hook, url: cfg.Hooks[hook], secrets: cfg.secrets(hook), timeout: cfg.Timeout,
		client: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy: nil, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
				TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: cfg.Timeout,
				MaxIdleConnsPerHost: cfg.InFlight, MaxConnsPerHost: cfg.InFlight, IdleConnTimeout: 90 * time.Second,
				MaxResponseHeaderBytes: answerMax,
			},
		},
	}
}

// Answer is what a receiver said.
type Answer struct {
	Status int
	// Text is the beginning of the body.
	Text []byte
	// RetryAfter is the pause that the receiver asks for; 0 when it asks for none.
	RetryAfter time.Duration
}

// Post posts one batch and returns the answer, whatever its status. An error means that there was no answer;
// its text does not have the URL, which may hold a key.
func (p *Poster) Post(ctx context.Context, batch contracts.WebhookBatch) (Answer, error) {
	batch.Hook = p.hook
	body, err := json.Marshal(batch)
	if err != nil {
		return Answer{}, fmt.Errorf("encode a batch: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, errors.New("the hook's URL is not valid")
	}
	timestamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "GoChat-Webhook/1")
	req.Header.Set(contracts.HeaderWebhookTimestamp, timestamp)
	req.Header.Set(contracts.HeaderWebhookSignature, contracts.SignWebhook(timestamp, body, p.secrets...))
	req.Header.Set(contracts.HeaderWebhookDelivery, batch.DeliveryID)
	resp, err := p.client.Do(req)
	if err != nil {
		return Answer{}, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	// The status decides: a body that breaks off changes nothing.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	return Answer{Status: resp.StatusCode, Text: text, RetryAfter: retryAfter(resp.Header)}, nil
}

func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer in time: %w", err)
	}
	return err
}

// retryAfter reads the header's seconds; a date is not worth the trouble.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, int((24*time.Hour).Seconds()))) * time.Second
}

// Close closes idle connections.
func (p *Poster) Close() { p.client.CloseIdleConnections() }
