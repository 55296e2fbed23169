package idgen

import (
	"errors"
	"sync"
	"testing"
	"time"
)

func TestIDsAreUniqueAndGrow(t *testing.T) {
	g, err := New(Config{Worker: 7})
	if err != nil {
		t.Fatal(err)
	}
	const workers, each = 8, 20000
	got := make([][]int64, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				id, err := g.Next()
				if err != nil {
					t.Error(err)
					return
				}
				got[w] = append(got[w], id)
			}
		})
	}
	wg.Wait()
	seen := make(map[int64]bool, workers*each)
	for _, ids := range got {
		for i, id := range ids {
			if seen[id] {
				t.Fatalf("id %d was given twice", id)
			}
			seen[id] = true
			if i > 0 && id <= ids[i-1] {
				t.Fatalf("id %d follows %d", id, ids[i-1])
			}
		}
	}
}

// TestClockIsSetBackWhileItRuns: the default clock goes on by the monotonic clock from where the wall clock
// was at the start; the wall clock, which time.Now().UnixMilli reads, has no effect.
func TestClockIsSetBackWhileItRuns(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	g, err := New(Config{Now: func() time.Time { now = now.Add(time.Millisecond); return now }})
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for _, step := range []time.Duration{0, -20 * time.Millisecond, -time.Hour, time.Second, -time.Hour} {
		now = now.Add(step)
		for range 10_000 { // more than a millisecond has numbers
			id, err := g.Next()
			if err != nil || id <= last {
				t.Fatalf("after a step of %v: id %d after %d, error %v", step, id, last, err)
			}
			last = id
		}
	}
}

// TestClockWasSetBackBeforeTheStart: ids go on after the newest stored one.
func TestClockWasSetBackBeforeTheStart(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Millisecond); return now }
	first, err := New(Config{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	last, err := first.Next()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name   string
		back   time.Duration
		behind time.Duration
	}{{"no", 0, 0}, {"an hour", time.Hour, time.Hour}} {
		now = now.Add(-step.back)
		g, err := New(Config{Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		behind := g.After(last)
		if (behind - step.behind).Abs() > time.Second {
			t.Errorf("%s: behind by %v, want about %v", step.name, behind, step.behind)
		}
		id, err := g.Next()
		if err != nil || id <= last {
			t.Errorf("%s: id %d after %d, error %v", step.name, id, last, err)
		}
	}
}

// Each id has the worker id that is held when it is made; while none is held, no id is made.
func TestWorkerIsAskedForEachID(t *testing.T) {
	worker, lost := int64(7), errors.New("lost")
	var err error
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	var seen time.Time
	g, newErr := New(Config{
		Now:   func() time.Time { now = now.Add(time.Millisecond); return now },
		Lease: func() (int64, error) { seen = now; return worker, err },
	})
	if newErr != nil {
		t.Fatal(newErr)
	}
	last := int64(0)
	for _, step := range []struct {
		name   string
		worker int64
		err    error
		want   error
	}{
		{name: "first", worker: 7},
		{name: "same", worker: 7},
		{name: "lost", err: lost, want: lost},
		{name: "another", worker: 9},
		{name: "out of range", worker: 1024, want: ErrNoWorker},
		{name: "negative", worker: -1, want: ErrNoWorker},
		{name: "again", worker: 9},
	} {
		worker, err = step.worker, step.err
		was, held := now, g.held
		id, nextErr := g.Next()
		if step.want != nil {
			if !errors.Is(nextErr, step.want) || !errors.Is(nextErr, ErrNoWorker) {
				t.Errorf("%s: error %v, want ErrNoWorker and %v", step.name, nextErr, step.want)
			}
			continue
		}
		if nextErr != nil {
			t.Fatalf("%s: %v", step.name, nextErr)
		}
		if got := id >> 12 & 1023; got != step.worker || id <= last {
			t.Errorf("%s: worker %d in id %d after %d, want %d", step.name, got, id, last, step.worker)
		}
		if made := g.Time(id); held != worker && made.Sub(was) < 2*time.Millisecond {
			t.Errorf("%s: the id is of %s, before the worker id was seen", step.name, made)
		} else if made.After(seen) {
			t.Errorf("%s: the id is of %s, after the worker id was last seen at %s", step.name, made, seen)
		}
		last = id
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"worker too large": {Worker: 1024},
		"negative worker":  {Worker: -1},
		"too many bits":    {WorkerBits: 16, SequenceBits: 16},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	g, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := g.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
