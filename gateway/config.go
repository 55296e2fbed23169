package gateway

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config is what an operator can set of a gateway.
type Config struct {
	// IDPrefix starts the gateway's id; the rest is made anew at every start.
	IDPrefix string `mapstructure:"id_prefix"`
	// AllowedOrigins are the origins (scheme://host[:port]) beside the gateway's own
	// whose pages may use the HTTP API and the WebSocket. https://*.example.com is every
	// subdomain, * every page.
	AllowedOrigins []string `mapstructure:"allowed_origins"`
	// TrustedProxies are the addresses or CIDRs of proxies whose word on the client's address is believed.
	TrustedProxies []string `mapstructure:"trusted_proxies"`
	// ForwardedBy is how trusted proxies tell the client's address: x-forwarded-for, forwarded (RFC 7239) or
	// proxy-protocol. Other headers are ignored: a proxy passes on what its client made up in them.
	ForwardedBy string `mapstructure:"forwarded_by"`
	// ServeOps serves /readyz and /metrics on the gateway's address even when that is not loopback. Both need no
	// token and show the inside of the process.
	ServeOps bool `mapstructure:"serve_ops"`

	// PingInterval is how often a client pings; it is told so in hello. After three
	// intervals without a sign of life the socket is closed with 4004.
	PingInterval time.Duration `mapstructure:"ping_interval"`
	// SlowTimeout is how long a socket's queue may stay full while no byte goes out; then it is closed with 4003.
	SlowTimeout time.Duration `mapstructure:"slow_timeout"`
	// CloseGrace is how long a closing socket may take to send what is queued and to finish the close handshake.
	CloseGrace time.Duration `mapstructure:"close_grace"`
	// DrainTimeout bounds the whole of a stop.
	DrainTimeout time.Duration `mapstructure:"drain_timeout"`
	// RetrySpread is the width of the random delay after which a closed client is told to reconnect.
	RetrySpread time.Duration `mapstructure:"retry_spread"`

	// RPCTimeout bounds every call to a service.
	RPCTimeout time.Duration `mapstructure:"rpc_timeout"`
	// SendTimeout is how long a send or a change over HTTP waits for its outcome.
	SendTimeout time.Duration `mapstructure:"send_timeout"`
	// PublishTimeout bounds one batch of sends to the queue.
	PublishTimeout time.Duration `mapstructure:"publish_timeout"`
	// StartTimeout bounds the start: the making of the downstream topic and the wait for the session registry.
	StartTimeout time.Duration `mapstructure:"start_timeout"`
	// ReadTimeout bounds the reading of one HTTP request, headers and body; WriteTimeout the writing of its answer;
	// IdleTimeout the wait of a connection for its next request.
	ReadTimeout  time.Duration `mapstructure:"read_timeout"`
	WriteTimeout time.Duration `mapstructure:"write_timeout"`
	IdleTimeout  time.Duration `mapstructure:"idle_timeout"`

	// HeaderLimit is how long a request line and its headers may be together, in bytes;
	// every connection that is being read has a buffer of this size.
	HeaderLimit int `mapstructure:"header_limit"`
	// BodyLimit bounds an HTTP body, FrameLimit a WebSocket message of a client, both in bytes.
	BodyLimit  int `mapstructure:"body_limit"`
	FrameLimit int `mapstructure:"frame_limit"`
	// QueueFrames and QueueBytes bound the frames that wait for one socket.
	QueueFrames int `mapstructure:"queue_frames"`
	QueueBytes  int `mapstructure:"queue_bytes"`
	// KernelBuffer is a socket's send buffer in the kernel, in bytes: together with
	// the queue it bounds what a slow client costs.
	KernelBuffer int `mapstructure:"kernel_buffer"`
	// UnackedSends is how many sends of one socket may wait for their ack; beyond it
	// the socket is not read.
	UnackedSends int `mapstructure:"unacked_sends"`
	// UpstreamQueue is how many sends of all sockets may wait to be published; beyond it senders wait, too.
	UpstreamQueue int `mapstructure:"upstream_queue"`

	// BeatInterval is how often the gateway says that it lives; 12 s after its last beat it counts as dead.
	BeatInterval time.Duration `mapstructure:"beat_interval"`
	// SessionRefresh is how often sessions are put again; they expire after 30 min.
	SessionRefresh time.Duration `mapstructure:"session_refresh"`

	// TokenCheckInterval is how often the gateway asks whether the tokens of its open sockets are still good: this
	// closes sockets that the order of a revocation did not reach. It is at most a minute.
	TokenCheckInterval time.Duration `mapstructure:"token_check_interval"`
	// DeviceRefresh is how often the device of an open socket is noted as seen.
	DeviceRefresh time.Duration `mapstructure:"device_refresh"`
	// ReceiptInterval is how long delivered positions are gathered before they are passed on together.
	ReceiptInterval time.Duration `mapstructure:"receipt_interval"`
	// PresenceInterval is how often the gateway asks about watched users whose presence is not known, or whose changes
	// nobody announces. Other changes are announced.
	PresenceInterval time.Duration `mapstructure:"presence_interval"`

	// Rates are the rate limits; they are a section of their own in the file.
	Rates Rates `mapstructure:"-"`
}

// Rates are the limits on how much one client may do.
type Rates struct {
	// FramesPerSecond and FramesBurst limit what one socket sends.
	FramesPerSecond int `mapstructure:"frames_per_second"`
	FramesBurst     int `mapstructure:"frames_burst"`
	// FloodFrames is how many frames may be refused within 10 s before the socket is
	// closed with 4008.
	FloodFrames int `mapstructure:"flood_frames"`
	// AuthPerMinute limits registrations and logins of one address on all gateways. A whole office or mobile network
	// may share an address: accounts are protected by auth.login_attempts, not by this limit.
	AuthPerMinute int `mapstructure:"auth_per_minute"`
	// HandshakesPerSecond limits WebSocket handshakes of one address on all gateways.
	HandshakesPerSecond int `mapstructure:"handshakes_per_second"`
	// CallsPerSecond and CallsBurst limit HTTP calls of one user on all gateways.
	CallsPerSecond int `mapstructure:"calls_per_second"`
	CallsBurst     int `mapstructure:"calls_burst"`
	// SendsPerSecond and SendsBurst limit sends of one user, by all sockets and HTTP
	// calls on all gateways.
	SendsPerSecond int `mapstructure:"sends_per_second"`
	SendsBurst     int `mapstructure:"sends_burst"`
	// SharedTimeout bounds a call to the token buckets that all gateways share; while there is no answer, each
	// gateway counts by itself.
	SharedTimeout time.Duration `mapstructure:"shared_timeout"`
	// SocketsPerUser limits open sockets of one user on this gateway.
	SocketsPerUser int `mapstructure:"sockets_per_user"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		IDPrefix: "gw", ForwardedBy: byForwardedFor,
		PingInterval: 25 * time.Second, SlowTimeout: 10 * time.Second, CloseGrace: 2 * time.Second,
		DrainTimeout: 8 * time.Second, RetrySpread: 5 * time.Second,
		RPCTimeout: 5 * time.Second, SendTimeout: 5 * time.Second, PublishTimeout: 10 * time.Second,
		StartTimeout: 30 * time.Second,
		ReadTimeout:  10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		HeaderLimit: 8 << 10, BodyLimit: 1 << 20, FrameLimit: 64 << 10,
		QueueFrames: 1024, QueueBytes: 1 << 20, KernelBuffer: 64 << 10,
		UnackedSends: 64, UpstreamQueue: 4096,
		BeatInterval: 5 * time.Second, SessionRefresh: 10 * time.Minute,
		TokenCheckInterval: 30 * time.Second,
		DeviceRefresh:      time.Hour, ReceiptInterval: time.Second, PresenceInterval: 2 * time.Second,
		Rates: DefaultRates(),
	}
}

// DefaultRates returns the defaults.
func DefaultRates() Rates {
	return Rates{
		FramesPerSecond: 1000, FramesBurst: 2000, FloodFrames: 200,
		AuthPerMinute: 600, HandshakesPerSecond: 1000, SocketsPerUser: 50,
		CallsPerSecond: 1000, CallsBurst: 2000, SendsPerSecond: 1000, SendsBurst: 2000,
		SharedTimeout: 200 * time.Millisecond,
	}
}

// Validate returns everything that is wrong with the configuration as one error, or nil.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for name, d := range map[string]time.Duration{
		"ping_interval": c.PingInterval, "slow_timeout": c.SlowTimeout, "close_grace": c.CloseGrace,
		"drain_timeout": c.DrainTimeout, "retry_spread": c.RetrySpread, "rpc_timeout": c.RPCTimeout,
		"send_timeout": c.SendTimeout, "publish_timeout": c.PublishTimeout, "start_timeout": c.StartTimeout,
		"read_timeout": c.ReadTimeout, "write_timeout": c.WriteTimeout, "idle_timeout": c.IdleTimeout,
		"beat_interval": c.BeatInterval, "session_refresh": c.SessionRefresh,
		"token_check_interval": c.TokenCheckInterval, "device_refresh": c.DeviceRefresh, "receipt_interval": c.ReceiptInterval, "presence_interval": c.PresenceInterval,
	} {
		check(d > 0, "gateway.%s %v: must be more than 0", name, d)
	}
	for name, n := range map[string]int{
		"body_limit": c.BodyLimit, "frame_limit": c.FrameLimit, "queue_frames": c.QueueFrames,
		"queue_bytes": c.QueueBytes, "kernel_buffer": c.KernelBuffer, "unacked_sends": c.UnackedSends,
		"upstream_queue":    c.UpstreamQueue,
		"frames_per_second": c.Rates.FramesPerSecond, "frames_burst": c.Rates.FramesBurst,
		"flood_frames": c.Rates.FloodFrames, "auth_per_minute": c.Rates.AuthPerMinute,
		"handshakes_per_second": c.Rates.HandshakesPerSecond, "sockets_per_user": c.Rates.SocketsPerUser,
		"calls_per_second": c.Rates.CallsPerSecond, "calls_burst": c.Rates.CallsBurst,
		"sends_per_second": c.Rates.SendsPerSecond, "sends_burst": c.Rates.SendsBurst,
	} {
		check(n > 0, "gateway: %s %d: must be more than 0", name, n)
	}
	check(c.HeaderLimit >= 1<<10 && c.HeaderLimit <= 1<<20, "gateway.header_limit %d: must be 1024 to 1048576 bytes", c.HeaderLimit)
	check(c.IDPrefix != "" && plainName(c.IDPrefix), "gateway.id_prefix %q: must be of a-z, A-Z, 0-9, _ -", c.IDPrefix)
	check(c.Rates.SharedTimeout > 0 && c.Rates.SharedTimeout <= time.Second,
		"limits.shared_timeout %v: must be more than 0 and at most 1s", c.Rates.SharedTimeout)
	check(c.TokenCheckInterval <= time.Minute, "gateway.token_check_interval %v: must be at most 1m", c.TokenCheckInterval)
	check(c.BeatInterval < 12*time.Second, "gateway.beat_interval %v: must be less than 12s", c.BeatInterval)
	if _, err := parseNetworks(c.TrustedProxies); err != nil {
		errs = append(errs, fmt.Errorf("gateway.trusted_proxies: %w", err))
	}
	if err := checkForwardedBy(c.ForwardedBy, c.TrustedProxies); err != nil {
		errs = append(errs, fmt.Errorf("gateway.forwarded_by: %w", err))
	}
	if _, err := parseOrigins(c.AllowedOrigins); err != nil {
		errs = append(errs, fmt.Errorf("gateway.allowed_origins: %w", err))
	}
	return errors.Join(errs...)
}

// plainName reports whether s may be part of a topic's name.
func plainName(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}
