package gateway

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// wire dials a socket and returns the bare connection behind hello: benchmarks pay
// for as little client as possible.
func (h *harness) wire(token string) net.Conn {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /ws?token=%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", token)
	require.NoError(h.t, err)
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, []byte(`serverTime`)) {
		n, err := conn.Read(buf)
		require.NoError(h.t, err)
		got = append(got, buf[:n]...)
	}
	return conn
}

// masked is a text frame as a client sends it.
func masked(text string) []byte {
	f := []byte{opText, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
	return append(f, text...)
}

// BenchmarkIdleSocket reports what an idle socket costs, everything included.
func BenchmarkIdleSocket(b *testing.B) {
	const n = 2000
	h := start(b, func(c *Config, _ *Deps) { c.Rates.HandshakesPerSecond = 1e6 })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = h.wire(fmt.Sprintf("%d:a", i+1))
	}
	// A heartbeat in both directions, as in real life.
	pong := []byte{opPong, 0x80, 0, 0, 0, 0}
	buf := make([]byte, 64)
	var kick kicks
	for _, c := range h.gw.hub.all() {
		c.push(frame{raw: pingFrame, class: classEvent}, &kick)
	}
	kick.start()
	for _, c := range conns {
		_, err := c.Read(buf)
		require.NoError(b, err)
		_, err = c.Write(pong)
		require.NoError(b, err)
		_, err = c.Write(masked(`{"type":"ping","data":{}}`))
		require.NoError(b, err)
	}
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&after)
	own := int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse)
	// The client's half of each connection lives in this process as well.
	b.ReportMetric(float64(own)/n, "B/socket")
	b.ReportMetric(float64(int64(after.StackInuse)-int64(before.StackInuse))/n, "stackB/socket")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFanOut delivers one small frame to 1,000 sockets.
func BenchmarkFanOut(b *testing.B) {
	const n = 1000
	h := start(b, func(c *Config, _ *Deps) {
		c.QueueFrames = 1 << 16
		c.QueueBytes = 1 << 28
		c.KernelBuffer = 1 << 20
		c.Rates.HandshakesPerSecond = 1e6
	})
	d := push(1, &pb.Delivery{Everyone: true})
	size := int64(len(rawFrame(opText, d.GetFrame())))
	var got atomic.Int64
	for i := range n {
		conn := h.wire(fmt.Sprintf("%d:a", i+1))
		go func() {
			buf := make([]byte, 64<<10)
			for {
				k, err := conn.Read(buf)
				if err != nil {
					return
				}
				got.Add(int64(k))
			}
		}()
	}
	var kick kicks
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		h.gw.hub.deliver(d, &kick)
		kick.start()
	}
	for got.Load() < int64(b.N)*size*n {
		time.Sleep(100 * time.Microsecond)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkPush is one frame into a queue that a writer empties.
func BenchmarkPush(b *testing.B) {
	var q queue
	f := frame{raw: make([]byte, 200), class: classPush, conv: "world", seq: 1}
	b.ReportAllocs()
	for i := range b.N {
		q.put(f, 256, 1<<20)
		if i%16 == 15 {
			for {
				ch, _, ok := q.next(256, 1<<20)
				if !ok {
					break
				}
				ch.free()
			}
		}
	}
}

const sample = `{"type":"send-message","data":{"conversationId":"single_0123456789abcdef","content":"Hello, how are you today? Shall we meet at noon?","messageType":"text","tempMessageId":"0b7f3f9e-8f7e-4b1e-9f7e-000000000001"}}`

// BenchmarkDecodeSend reads one send, from the text to the checked record.
func BenchmarkDecodeSend(b *testing.B) {
	text := []byte(sample)
	limits := contracts.DefaultLimits()
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for range b.N {
		_, data, err := splitFrame(text)
		if err != nil {
			b.Fatal(err)
		}
		var r sendReader
		if err := walkValue(data, r.member); err != nil {
			b.Fatal(err)
		}
		if _, bad := r.check(limits, 7); bad != nil {
			b.Fatal(bad)
		}
	}
}

// BenchmarkSend takes sends through 400 sockets, each with up to 32 on their way, to
// a queue that confirms after 2 ms, and answers with stored and one push each.
func BenchmarkSend(b *testing.B) {
	const sockets, window = 400, 32
	h := start(b, func(c *Config, _ *Deps) { c.Rates.FramesPerSecond, c.Rates.FramesBurst = 1e9, 1e9 })
	stored := contracts.EncodeFrame(contracts.FrameStored, contracts.StoredData{TempMessageID: "0b7f3f9e-8f7e-4b1e-9f7e-000000000001", MessageID: "123456789012345678", ConversationID: "single_0123456789abcdef", SeqID: 12345, Timestamp: 1234567890123})
	pushed := contracts.EncodeFrame(contracts.FrameNew, contracts.MessageData{MessageID: "123456789012345678", ConversationID: "single_0123456789abcdef", SeqID: 12345, SenderID: "123456789012345678", Content: strings.Repeat("x", 50), MessageType: "text", TempMessageID: "0b7f3f9e-8f7e-4b1e-9f7e-000000000001", Timestamp: 1234567890123})
	h.queue.onSend = nil
	h.queue.sink = func(msgs []*message.Message) {
		time.Sleep(2 * time.Millisecond)
		down := &pb.Downstream{}
		for _, m := range msgs {
			from := m.Metadata[contracts.MetaOriginConnection]
			var user int64
			h.gw.hub.mu.RLock()
			if c := h.gw.hub.byID[from]; c != nil {
				user = c.user
			}
			h.gw.hub.mu.RUnlock()
			down.Deliveries = append(down.Deliveries,
				&pb.Delivery{OnlyConnectionId: from, Frame: stored},
				&pb.Delivery{UserIds: []int64{user%sockets + 1}, Frame: pushed, ConversationId: "single_0123456789abcdef", SeqId: 1})
		}
		h.deliver(down.GetDeliveries()...)
	}
	per := int64(len(ackFrame("0b7f3f9e-8f7e-4b1e-9f7e-000000000001")) + len(rawFrame(opText, stored)) + len(rawFrame(opText, pushed)))
	var left atomic.Int64
	left.Store(int64(b.N))
	conns := make([]net.Conn, sockets)
	for i := range conns {
		conns[i] = h.wire(fmt.Sprintf("%d:a", i+1))
	}
	f := masked(sample)
	burst := bytes.Repeat(f, window)
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for _, c := range conns {
		wg.Go(func() {
			buf := make([]byte, 32<<10)
			var sent, got int64
			for {
				room := min(window-(sent-got/per), window)
				if room >= window/2 {
					n := min(room, max(left.Add(-room)+room, 0))
					if n > 0 {
						_, _ = c.Write(burst[:n*int64(len(f))])
						sent += n
					} else if got >= sent*per*9/10 {
						return
					}
				}
				_ = c.SetReadDeadline(time.Now().Add(time.Second))
				k, err := c.Read(buf)
				if err != nil {
					return
				}
				got += int64(k)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
