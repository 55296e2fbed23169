package lifecycle

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestStopsInReverseOrder(t *testing.T) {
	s := New(t.Context())
	var order []string
	for _, name := range []string{"store", "queue", "gateway"} {
		s.Push(name, func(context.Context) error { order = append(order, name); return nil })
	}
	if err := s.Stop(time.Second); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(order, []string{"gateway", "queue", "store"}) {
		t.Errorf("stopped in order %v", order)
	}
}

func TestBackgroundParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(t.Context())
		boom := errors.New("boom")
		s.Go("good", func(ctx context.Context) error { <-ctx.Done(); return nil })
		s.Go("bad", func(context.Context) error { return boom })
		if err := <-s.Failed(); !errors.Is(err, boom) {
			t.Errorf("failed with %v, want boom", err)
		}
		if err := s.Stop(time.Second); !errors.Is(err, boom) {
			t.Errorf("stop returned %v, want boom", err)
		}
	})
}

func TestAPartThatDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(t.Context())
		release := make(chan struct{})
		stopped := false
		s.Push("first", func(context.Context) error { stopped = true; return nil })
		s.Go("stuck", func(context.Context) error { <-release; return nil })
		if err := s.Stop(time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop returned %v, want a deadline", err)
		}
		if !stopped {
			t.Error("the part below the stuck one was not stopped")
		}
		close(release)
		synctest.Wait()
	})
}
