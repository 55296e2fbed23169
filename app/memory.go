package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryEvery is the time between two checks whether the heap has memory to return.
	memoryEvery = 10 * time.Second
	// memorySpare is the unused memory, in bytes, that the heap may always keep.
	memorySpare = 16 << 20
)

// memory is the state of the heap, in bytes.
type memory struct {
	allocated uint64 // in total since the start
	live      uint64 // at the last collection
	resident  uint64 // not returned to the system
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

// idle reports whether a burst is over: since earlier, less was allocated than a quarter of the heap and
// memorySpare.
func (m memory) idle(earlier memory) bool {
	return m.allocated-earlier.allocated < m.resident/4+memorySpare
}

// spare reports whether returning memory is worth it: the heap is more than twice what lives on it, and has grown
// by an eighth since the last return, after which left bytes stayed. Pages that are partly in use stay each time.
func (m memory) spare(left uint64) bool {
	return m.resident > 2*m.live+memorySpare && m.resident > left+left/8
}

// giveMemoryBack returns the memory of a burst to the system once the burst is over, until ctx is done. The
// runtime does that only after collections, which are minutes apart in a process that has little to do.
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
