package mq

import (
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
)

// BenchmarkLanes feeds records of 1,000 keys and acknowledges what is delivered, one run after the other: what lanes
// add to a record on its way from a queue to a handler.
func BenchmarkLanes(b *testing.B) {
	const keys = 1000
	records := make([]Record, keys)
	for i := range records {
		records[i] = record(0, fmt.Sprint("group_", i), 200)
	}
	for _, lanes := range []int{1, 3, 16} {
		for _, run := range []int{1, 64, 1024} {
			b.Run(fmt.Sprintf("lanes=%d/run=%d", lanes, run), func(b *testing.B) {
				out := make(chan *message.Message)
				l := NewLanes(b.Context(), SubscriberConfig{Lanes: lanes, Run: run}.WithDefaults(), out)
				source := l.Source(func(uint64) {})
				acked := make(chan struct{})
				go func() {
					defer close(acked)
					for n := 0; n < b.N; {
						m := <-out
						n += len(Run(m))
						m.Ack()
					}
				}()
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					if !source.Feed(b.Context(), Record{Offset: uint64(i + 1), Message: records[i%keys].Message}) {
						b.Fatal("a record was not taken")
					}
				}
				<-acked
				b.StopTimer()
				l.Drain()
			})
		}
	}
}
