package rpc

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
)

// BenchmarkCall compares the ways to a service: by callers at a time, by size of
// request, and by connections to one server.
func BenchmarkCall(b *testing.B) {
	count := func(_ context.Context, in string) (string, error) { return fmt.Sprint(len(in)), nil }
	ways := []struct {
		name    string
		connect func(b *testing.B) grpc.ClientConnInterface
	}{
		{"in-process", func(*testing.B) grpc.ClientConnInterface {
			l := NewLocal()
			l.RegisterService(&echoDesc, echo(count))
			return WithTimeout(l, DefaultConfig().CallTimeout)
		}},
	}
	for _, n := range []int{1, 2, 4} {
		ways = append(ways, struct {
			name    string
			connect func(b *testing.B) grpc.ClientConnInterface
		}{fmt.Sprintf("socket,conns=%d", n), func(b *testing.B) grpc.ClientConnInterface {
			return dial(b, startServer(b, DefaultConfig(), count).addr, withConnections(n))
		}})
	}
	ways = append(ways, struct {
		name    string
		connect func(b *testing.B) grpc.ClientConnInterface
	}{"tls,conns=1", func(b *testing.B) grpc.ClientConnInterface {
		cfg := DefaultConfig()
		cfg.TLS = newTLS(b)
		return dial(b, startServer(b, cfg, count).addr, cfg)
	}})
	for _, way := range ways {
		for _, size := range []int{64, 64 << 10, 4 << 20} {
			for _, callers := range []int{1, 64} {
				b.Run(fmt.Sprintf("%s/size=%d/callers=%d", way.name, size, callers), func(b *testing.B) {
					measure(b, way.connect(b), strings.Repeat("x", size), callers)
				})
			}
		}
	}
}

func measure(b *testing.B, conn grpc.ClientConnInterface, in string, callers int) {
	if _, err := call(b.Context(), conn, in); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if _, err := call(b.Context(), conn, in); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
