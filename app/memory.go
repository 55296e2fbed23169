package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryEvery is how often it is looked whether memory can be given back.
	memoryEvery = 10 * time.Second
	// memorySpare is what the heap may hold beside what lives on it, in any case.
	memorySpare = 16 << 20
)

// memory is what the heap is, in bytes.
type memory struct {
	allocated uint64 // since the start
	live      uint64 // as the last collection found it
	resident  uint64 // not given back to the system
}

func readMemory() memory {
	s := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	return memory{
		allocated: s[0].Value.Uint64(), live: s[1].Value.Uint64(),
		resident: s[2].Value.Uint64() + s[3].Value.Uint64() + s[4].Value.Uint64(),
	}
}

// idle says whether a burst is over: much less than the heap was allocated since an earlier moment.
func (m memory) idle(earlier memory) bool {
	return m.allocated-earlier.allocated < m.resident/4+memorySpare
}

// spare says whether the heap holds much more than what lives on it, and more than was left when
// memory was given back before: what is in use in parts stays.
func (m memory) spare(left uint64) bool {
	return m.resident > 2*m.live+memorySpare && m.resident > left+left/8
}

// giveMemoryBack returns the memory of a burst to the system once the burst is over. The runtime does so
// by itself only after collections, which are minutes apart in a process that has little to do.
func giveMemoryBack(ctx context.Context) error {
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	earlier, left := readMemory(), uint64(0)
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		now := readMemory()
		if now.idle(earlier) && now.spare(left) {
			debug.FreeOSMemory()
			now = readMemory()
			left = now.resident
		}
		earlier = now
	}
}
