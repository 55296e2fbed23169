package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drained reads everything that a writer would write.
func drained(q *queue) (out []string, hints int) {
	for {
		ch, n, ok := q.next(4, 1000)
		hints += n
		if !ok {
			return out, hints
		}
		out = append(out, string(ch.raw))
		ch.free()
	}
}

func item(s string, c class) frame { return frame{raw: []byte(s), class: c, conv: "c", seq: 1} }

func TestQueueGathers(t *testing.T) {
	var q queue
	for i, s := range []string{"a", "b", "c"} {
		v, begin := q.put(item(s, classPush), 4, 1000)
		require.Equal(t, queued, v)
		require.Equal(t, i == 0, begin, "one writer")
	}
	out, _ := drained(&q)
	require.Equal(t, []string{"abc"}, out, "one write")
	_, begin := q.put(item("d", classPush), 4, 1000)
	require.True(t, begin, "the writer has ended")
}

func TestQueueBounds(t *testing.T) {
	var q queue
	put := func(s string, c class) verdict {
		v, _ := q.put(item(s, c), 4, 1000)
		return v
	}
	for range 4 {
		require.Equal(t, queued, put("x", classPush))
	}
	require.NotEqual(t, queued, put("y", classEvent))
	require.Equal(t, queued, put("k", classControl), "control frames have room of their own")
	require.Equal(t, collapsed, put("y", classPush))
	q.put(frame{raw: []byte("z"), class: classPush, conv: "c", seq: 9}, 4, 1000)
	require.NotZero(t, q.starvedSince())
	require.Equal(t, collapsed, put("w", classPush), "nothing overtakes a hint")
	out, hints := drained(&q)
	require.Equal(t, 1, hints)
	require.Contains(t, strings.Join(out, ""), `{"conversationId":"c","lastSeq":9}`)
	require.Zero(t, q.starvedSince())
	require.Equal(t, queued, put("x", classPush))

	big := queue{}
	v, _ := big.put(item(strings.Repeat("x", 1000), classPush), 4, 1000)
	require.Equal(t, queued, v)
	v, _ = big.put(item("x", classPush), 4, 1000)
	require.Equal(t, collapsed, v, "bytes are bounded as well")
}

func TestQueueOverflows(t *testing.T) {
	var q queue
	for range 4 {
		q.put(item("x", classPush), 4, 1000)
	}
	for i := range maxHints {
		v, _ := q.put(frame{raw: []byte("x"), class: classPush, conv: fmt.Sprint(i), seq: 1}, 4, 1000)
		require.Equal(t, collapsed, v)
	}
	v, _ := q.put(frame{raw: []byte("x"), class: classPush, conv: "one more", seq: 1}, 4, 1000)
	require.Equal(t, overflow, v)
	for i := 0; ; i++ {
		if v, _ := q.put(item("k", classControl), 4, 1000); v == overflow {
			require.Equal(t, controlFrames, i)
			break
		}
	}
}

func TestQueueCloses(t *testing.T) {
	var q queue
	q.put(item("a", classPush), 4, 1000)
	first, begin := q.close([]byte("bye"), false)
	require.True(t, first)
	require.False(t, begin, "the writer is there")
	first, _ = q.close([]byte("again"), false)
	require.False(t, first)
	v, _ := q.put(item("b", classControl), 4, 1000)
	require.Equal(t, dropped, v)
	ended := q.whenEnded()
	select {
	case <-ended:
		t.Fatal("ended before it was written")
	default:
	}
	out, _ := drained(&q)
	require.Equal(t, []string{"a", "bye"}, out)
	<-ended

	var idle queue
	first, begin = idle.close([]byte("bye"), false)
	require.True(t, first && begin)
	var empty queue
	ended = empty.whenEnded()
	_, begin = empty.close(nil, true)
	require.False(t, begin)
	<-ended
	var broken queue
	broken.put(item("a", classPush), 4, 1000)
	ended = broken.whenEnded()
	broken.abandon()
	<-ended
}

func TestRetrySpread(t *testing.T) {
	for _, width := range []time.Duration{time.Nanosecond, 7 * time.Millisecond, time.Second, 5 * time.Second} {
		r := newRetrySpread(width)
		seen := map[int64]bool{}
		n := max(width.Milliseconds(), 1)
		for range n {
			d := r.next()
			require.False(t, seen[d], "%v: %d twice", width, d)
			require.GreaterOrEqual(t, d, int64(minRetry))
			require.Less(t, d, minRetry+n)
			seen[d] = true
		}
	}
}

func TestBuckets(t *testing.T) {
	m, err := newMetrics(prometheusNone(), newHub(1))
	require.NoError(t, err)
	b, err := newLimit[netip.Addr]("auth", fill{1, time.Minute, 2}, nil, m)
	require.NoError(t, err)
	a := func(text string) netip.Addr { return limitKey(netip.MustParseAddr(text)) }
	require.Zero(t, b.take(a("10.0.0.1")))
	require.Zero(t, b.take(a("10.0.0.1")))
	require.Equal(t, 60, b.take(a("10.0.0.1")))
	require.Equal(t, 60, b.take(a("10.0.0.1")), "what is refused is not counted")
	require.Zero(t, b.take(a("10.0.0.2")))
	require.Zero(t, b.take(a("2001:db8::1")))
	require.Zero(t, b.take(a("2001:db8::2")))
	require.NotZero(t, b.take(a("2001:db8::3")), "one network of IPv6 is one client")
}

func TestClientAddress(t *testing.T) {
	trusted, err := parseNetworks([]string{"10.0.0.0/8", "192.168.1.1"})
	require.NoError(t, err)
	for _, tt := range []struct{ peer, forwarded, want string }{
		{"8.8.8.8", "1.1.1.1", "8.8.8.8"},
		{"10.1.2.3", "1.1.1.1", "1.1.1.1"},
		{"::ffff:10.1.2.3", "1.1.1.1", "1.1.1.1"},
		{"10.1.2.3", "6.6.6.6, 1.1.1.1, 192.168.1.1", "1.1.1.1"},
		{"10.1.2.3", "1.1.1.1, nonsense", "10.1.2.3"},
		{"10.1.2.3", "", "10.1.2.3"},
		{"10.1.2.3", "10.0.0.9", "10.0.0.9"},
	} {
		require.Equal(t, tt.want, clientAddress(netip.MustParseAddr(tt.peer), forwardedFor(tt.forwarded), trusted).String(), tt)
	}
}

// TestBurstConn: whatever the sizes of reads, all bytes come, in order.
func TestBurstConn(t *testing.T) {
	text := strings.Repeat("0123456789", 10000)
	for _, chunk := range []int{1, 100, 512, 513, 40000} {
		a, b := net.Pipe()
		go func() {
			for at := 0; at < len(text); at += chunk {
				_, _ = a.Write([]byte(text[at:min(at+chunk, len(text))]))
			}
			_ = a.Close()
		}()
		c := &burstConn{Conn: b}
		got := make([]byte, 0, len(text))
		p := make([]byte, 512)
		for {
			n, err := c.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				break
			}
			if n < len(p) && len(c.data) == 0 && !c.busy {
				c.drop()
			}
		}
		require.Equal(t, text, string(got))
		_ = b.Close()
	}
}

// TestNothingOvertakesHint: a push whose conversation has a waiting hint joins the hint, even if the queue has room
// again, so that no push is older than a hint before it.
func TestNothingOvertakesHint(t *testing.T) {
	var q queue
	big := strings.Repeat("x", gatherBytes)
	put := func(conv string) verdict {
		v, _ := q.put(frame{raw: []byte(big), class: classPush, conv: conv, seq: 1}, 4, 1<<20)
		return v
	}
	for range 4 {
		require.Equal(t, queued, put("a"))
	}
	require.Equal(t, collapsed, put("a"))
	_, hints, ok := q.next(4, 1<<20)
	require.True(t, ok)
	require.Zero(t, hints, "too early: only one place is free")
	require.Equal(t, collapsed, put("a"))
	require.Equal(t, queued, put("b"))
}

// TestQueueMeasures: one push at a time is measured, and a chunk has its time when the push is in the chunk.
func TestQueueMeasures(t *testing.T) {
	var q queue
	put := func(s string, since int64) {
		f := item(s, classPush)
		f.since = since
		q.put(f, 4, 1<<20)
	}
	next := func() (string, int64) {
		ch, _, _ := q.next(4, 1<<20)
		defer ch.free()
		return string(ch.raw[:1]), ch.since
	}
	large := strings.Repeat("l", gatherBytes)
	put(large, 0)
	put("m"+large, 7)
	put("n"+large, 8)
	q.uncork([]byte("hello"))
	for _, want := range []struct {
		frame string
		since int64
	}{{"h", 0}, {"l", 0}, {"m", 7}, {"n", 0}} {
		frame, since := next()
		require.Equal(t, want.frame, frame)
		require.Equal(t, want.since, since, frame)
	}
	put("a", 0)
	put("b", 9)
	put("c", 10)
	frame, since := next()
	require.Equal(t, "a", frame, "gathered")
	require.EqualValues(t, 9, since)
	put("d", 11)
	q.close([]byte("x"), true)
	frame, since = next()
	require.Equal(t, "x", frame)
	require.Zero(t, since, "thrown away")
}
