package gateway

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/kv"
)

// TestLimitsMatrix: each limit up to its last attempt and beyond, by two gateways that share one store of buckets; the
// stores are the embedded one and those of real servers.
func TestLimitsMatrix(t *testing.T) {
	servers := map[string]func(t *testing.T) *fakeShared{"embedded": tokensLeft}
	for name, env := range map[string]string{"redis": "GOCHAT_TEST_REDIS_ADDR", "cluster": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS"} {
		servers[name] = func(t *testing.T) *fakeShared {
			if os.Getenv(env) == "" {
				t.Skip("set " + env + " to run it on a real Redis")
			}
			cfg := kv.DefaultConfig()
			cfg.Addrs = strings.Split(os.Getenv(env), ",")
			c, err := kv.Open(t.Context(), cfg)
			require.NoError(t, err)
			for _, key := range []string{"auth:127.0.0.1", "handshakes:127.0.0.1", "calls:7", "calls:8", "sends:7", "sends:8"} {
				require.NoError(t, c.Del(t.Context(), "rate:"+key).Err())
			}
			t.Cleanup(func() { require.NoError(t, c.Close()) })
			return &fakeShared{store: kv.NewBuckets(c)}
		}
	}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) { limitsMatrix(t, server(t)) })
	}
}

func limitsMatrix(t *testing.T, shared *fakeShared) {
	const most = 4
	var both []*harness
	for range 2 {
		h := start(t, func(c *Config, d *Deps) {
			c.Rates.AuthPerMinute, c.Rates.HandshakesPerSecond = most, most
			c.Rates.CallsPerSecond, c.Rates.CallsBurst = 1, 3*most
			c.Rates.SendsPerSecond, c.Rates.SendsBurst = 1, most
			d.Shared = shared
		})
		h.pipeline(func(up *pb.Upstream) []byte {
			return contracts.EncodeFrame(contracts.FrameStored, contracts.StoredData{TempMessageID: up.GetTempMessageId()})
		})
		both = append(both, h)
	}
	send := func(id int) string {
		return fmt.Sprintf(`{"conversationId":"world","content":"x","messageType":"text","tempMessageId":"m%d"}`, id)
	}
	handshake := func(h *harness, _ int) (int, http.Header) {
		ws, resp, err := h.try("?token=9:a", nil)
		if err == nil {
			defer func() { _ = ws.Close() }()
		}
		return resp.StatusCode, resp.Header
	}
	call := func(method, path, token string, body func(int) string) func(h *harness, i int) (int, http.Header) {
		return func(h *harness, i int) (int, http.Header) {
			r := h.call(method, path, token, body(i))
			if r.status == http.StatusTooManyRequests {
				require.Equal(t, contracts.CodeRateLimited, r.err.Code)
				require.NotEmpty(t, r.err.Message)
			}
			return r.status, r.header
		}
	}
	login := func(int) string { return `{"username":"ann","password":"right-password"}` }
	nothing := func(int) string { return "" }
	for _, c := range []struct {
		name  string
		most  int
		good  int
		retry string
		try   func(h *harness, i int) (int, http.Header)
	}{
		{"registrations and logins", most, 200, "15", call("POST", "/api/auth/login", "", login)},
		{"handshakes", most, 101, "1", handshake},
		{"sends", most, 200, "1", call("POST", "/api/messages", "7:a", send)},
		{"calls", 3 * most, 200, "1", call("GET", "/api/users/me", "8:a", nothing)},
	} {
		for i := range c.most {
			status, _ := c.try(both[i%2], i)
			require.Equal(t, c.good, status, "%s: attempt %d of %d", c.name, i+1, c.most)
		}
		for i := range 2 {
			status, header := c.try(both[i%2], c.most+i)
			require.Equal(t, 429, status, c.name)
			require.Equal(t, c.retry, header.Get("Retry-After"), c.name)
		}
	}
	require.Equal(t, 429, both[0].call("POST", "/api/auth/register", "", login(0)).status, "registrations and logins together")
	require.Equal(t, 200, both[1].call("GET", "/api/users/me", "7:a", "").status, "another user")
}

// TestSendsOfAUser are limited over all sockets, gateways and calls; a socket is told in a frame.
func TestSendsOfAUser(t *testing.T) {
	shared := tokensLeft(t)
	change := func(c *Config, d *Deps) {
		c.Rates.SendsPerSecond, c.Rates.SendsBurst, c.Rates.FloodFrames = 1, 6, 5
		d.Shared = shared
	}
	one, two := start(t, change), start(t, change)
	sockets := []*client{one.dial("7:a", ""), one.dial("7:b", ""), two.dial("7:c", "")}
	data := func(id string) contracts.SendData {
		return contracts.SendData{ConversationID: "world", Content: "x", MessageType: "text", TempMessageID: id}
	}
	for i := range 6 {
		s := sockets[i%3]
		s.send(contracts.FrameSend, data(fmt.Sprint(i)))
		s.expect(contracts.FrameAck, nil)
	}
	var e contracts.ErrorData
	for i, s := range sockets {
		s.send(contracts.FrameSend, data(fmt.Sprint("late", i)))
		s.expect(contracts.FrameError, &e)
		require.Equal(t, contracts.CodeRateLimited, e.Code)
		require.Equal(t, fmt.Sprint("late", i), e.Ref)
		s.send(contracts.FramePing, struct{}{})
		s.expect(contracts.FramePong, nil) // only sends are refused
	}
	r := two.call("POST", "/api/messages", "7:a", `{"conversationId":"world","content":"x","messageType":"text","tempMessageId":"http"}`)
	require.Equal(t, 429, r.status)
	require.Equal(t, "1", r.header.Get("Retry-After"))
	other := two.dial("8:a", "")
	other.send(contracts.FrameSend, data("other"))
	other.expect(contracts.FrameAck, nil)
	require.Len(t, one.queue.published(), 4)
	require.Len(t, two.queue.published(), 2+1)

	for i := range 5 {
		sockets[0].send(contracts.FrameSend, data(fmt.Sprint("flood", i)))
	}
	require.Equal(t, contracts.CloseFlooding, sockets[0].closed().Code, "who does not listen is closed")
	sockets[1].send(contracts.FramePing, struct{}{})
	sockets[1].expect(contracts.FramePong, nil)
}

// TestGatewayWithoutTheSharedBuckets refuses nobody but by its own count.
func TestGatewayWithoutTheSharedBuckets(t *testing.T) {
	shared := newFakeShared()
	shared.set(contracts.NewError(contracts.CodeUnavailable, ""))
	h := start(t, func(c *Config, d *Deps) { c.Rates.AuthPerMinute, d.Shared = 3, shared })
	for range 3 {
		require.Equal(t, 200, h.call("POST", "/api/auth/login", "", `{"username":"ann","password":"right-password"}`).status)
	}
	require.Equal(t, "20", h.call("POST", "/api/auth/login", "", `{"username":"ann","password":"right-password"}`).header.Get("Retry-After"))
	require.Equal(t, 200, h.call("GET", "/api/users/me", "7:a", "").status)
	c := h.dial("7:a", "")
	c.send(contracts.FrameSend, contracts.SendData{ConversationID: "world", Content: "x", MessageType: "text", TempMessageID: "1"})
	c.expect(contracts.FrameAck, nil)
}

// TestServicesAreToldTheAddress that limits count.
func TestServicesAreToldTheAddress(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.TrustedProxies = []string{"127.0.0.0/8"} })
	for forwarded, want := range map[string]string{"1.2.3.4": "1.2.3.4", "2001:db8::1:2:3:4": "2001:db8::", "": "127.0.0.1"} {
		for _, path := range []string{"login", "register"} {
			req, err := http.NewRequest("POST", "http://"+h.addr+"/api/auth/"+path, strings.NewReader(`{"username":"ann","password":"right-password"}`))
			require.NoError(t, err)
			req.Header.Set("X-Forwarded-For", forwarded)
			req.Close = true
			resp, err := http.DefaultTransport.RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
		in, _ := last[*pb.LoginRequest](h.logic)
		require.Equal(t, want, in.GetAddress())
		reg, _ := last[*pb.RegisterRequest](h.logic)
		require.Equal(t, want, reg.GetAddress())
	}
}
