package rpc

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

// TestRetries: a call is made again only if it is unavailable, four times in all, whole and however large the
// request.
func TestRetries(t *testing.T) {
	large := strings.Repeat("x", 16<<20)
	for name, c := range map[string]struct {
		fails int32
		code  codes.Code
		in    string
		tries int32
		want  codes.Code
	}{
		"unavailable once":        {1, codes.Unavailable, "x", 2, codes.OK},
		"unavailable three times": {3, codes.Unavailable, "x", 4, codes.OK},
		"unavailable for good":    {99, codes.Unavailable, "x", 4, codes.Unavailable},
		"a large request":         {2, codes.Unavailable, large, 3, codes.OK},
		"internal":                {1, codes.Internal, "x", 1, codes.Internal},
		"aborted":                 {1, codes.Aborted, "x", 1, codes.Aborted},
		"exhausted":               {1, codes.ResourceExhausted, "x", 1, codes.ResourceExhausted},
		"deadline":                {1, codes.DeadlineExceeded, "x", 1, codes.DeadlineExceeded},
		"unknown":                 {1, codes.Unknown, "x", 1, codes.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int32
			s := startServer(t, DefaultConfig(), func(_ context.Context, in string) (string, error) {
				if tries.Add(1) <= c.fails {
					return "", status.Error(c.code, "not now")
				}
				return in, nil
			})
			got, err := call(limited(t), dial(t, s.addr, DefaultConfig()), c.in)
			if status.Code(err) != c.want || tries.Load() != c.tries {
				t.Errorf("%d tries, %v; want %d, %v", tries.Load(), err, c.tries, c.want)
			}
			if err == nil && got != c.in {
				t.Errorf("%d bytes came back of %d", len(got), len(c.in))
			}
		})
	}
}

// TestATooLargeMessage: a message that is too large is refused, and the connection goes on.
func TestATooLargeMessage(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxMessageSize = 1 << 10
	s := startServer(t, cfg, func(_ context.Context, in string) (string, error) { return in + in, nil })
	c := dial(t, s.addr, cfg)
	for in, want := range map[string]codes.Code{
		strings.Repeat("x", 2<<10): codes.ResourceExhausted,
		strings.Repeat("x", 600):   codes.ResourceExhausted, // the reply
		"x":                        codes.OK,
	} {
		if _, err := call(limited(t), c, in); status.Code(err) != want {
			t.Errorf("%d bytes: %v, want %v", len(in), err, want)
		}
	}
}

// TestNobodyThere: calls to a service without a server are unavailable long before their deadline, whatever
// the reason.
func TestNobodyThere(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never speaks
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	never := manual.NewBuilderWithScheme("never")
	empty := manual.NewBuilderWithScheme("empty")
	empty.InitialState(resolver.State{})
	broken := manual.NewBuilderWithScheme("broken")
	broken.BuildCallback = func(_ resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) {
		cc.ReportError(errors.New("the registry is away"))
	}
	for name, c := range map[string]struct {
		target   string
		resolver resolver.Builder
		says     string
	}{
		"nothing listens":             {closed.Addr().String(), nil, "connection refused"},
		"it listens and is silent":    {mute.Addr().String(), nil, mute.Addr().String()},
		"the registry never answers":  {"never:///repo", never, "never:///repo"},
		"the registry knows none":     {"empty:///repo", empty, "zero addresses"},
		"the registry is unreachable": {"broken:///repo", broken, "the registry is away"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.ConnectTimeout = 300 * time.Millisecond
			var opts []Option
			if c.resolver != nil {
				opts = append(opts, WithResolver(c.resolver))
			}
			conn := dial(t, c.target, cfg, opts...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if _, err := call(ctx, conn, "x"); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want Unavailable with a word on %q", err, c.says)
			}
			short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			<-short.Done()
			if _, err := call(short, conn, "x"); status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("past its deadline: %v", err)
			}
		})
	}
}

// TestComesBack: a connection finds its server again by itself.
func TestComesBack(t *testing.T) {
	t.Parallel()
	s := startServer(t, DefaultConfig(), say("first"))
	c := dial(t, s.addr, DefaultConfig())
	if _, err := call(limited(t), c, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := call(limited(t), c, ""); status.Code(err) != codes.Unavailable {
		t.Fatalf("while it is away: %v", err)
	}
	startServerAt(t, s.addr, DefaultConfig(), zap.NewNop(), say("second"))
	eventually(t, "the new server answers", func() bool {
		got, err := call(limited(t), c, "")
		return err == nil && got == "second"
	})
}

func TestSeveralConnections(t *testing.T) {
	s := startServer(t, DefaultConfig(), whereFrom)
	c := dial(t, s.addr, withConnections(3))
	from := map[string]int{}
	for range 30 {
		got, err := call(limited(t), c, "")
		if err != nil {
			t.Fatal(err)
		}
		from[got]++
	}
	if len(from) != 3 {
		t.Errorf("calls came from %v, want 3 addresses", from)
	}
}
