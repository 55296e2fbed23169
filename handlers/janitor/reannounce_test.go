package janitor

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

type board struct {
	left    []int64
	before  int64
	told    []int64
	failing int // so many announcements fail
	errs    []error
}

func (b *board) ListAnnouncements(_ context.Context, in *pb.ListAnnouncementsRequest) (*pb.ListAnnouncementsResponse, error) {
	b.before = in.GetBefore()
	out := &pb.ListAnnouncementsResponse{}
	for _, id := range b.left {
		out.Announcements = append(out.Announcements, &pb.Announcement{AnnouncementId: id})
	}
	return out, nil
}

func (b *board) DropAnnouncements(_ context.Context, in *pb.DropAnnouncementsRequest) (*pb.DropAnnouncementsResponse, error) {
	b.left = slices.DeleteFunc(b.left, func(id int64) bool { return slices.Contains(in.GetAnnouncementIds(), id) })
	return &pb.DropAnnouncementsResponse{}, nil
}

func (b *board) Announce(_ context.Context, a *pb.Announcement) error {
	if b.failing > 0 {
		b.failing--
		return errors.New("the queue is away")
	}
	b.told = append(b.told, a.GetAnnouncementId())
	return nil
}

// TestWhatWasLeftIsAnnounced, in order, when the queue is back; a young announcement is left to the process
// that made it.
func TestWhatWasLeftIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{left: []int64{1, 2, 3}, failing: 2}
		c, err := NewReannouncer(b, b, time.Second, func(err error) { b.errs = append(b.errs, err) })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		time.Sleep(4*announceEvery + time.Second)
		synctest.Wait()
		if !slices.Equal(b.told, []int64{1, 2, 3}) || len(b.left) != 0 || len(b.errs) != 2 {
			t.Errorf("told %v, left %v, failed %v", b.told, b.left, b.errs)
		}
		if age := time.Now().Add(-time.Second).UnixMilli() - b.before; age < announceAfter.Milliseconds() {
			t.Errorf("announcements of %d ms ago are taken away from whoever made them", age)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if _, err := NewReannouncer(nil, nil, 0, nil); err == nil {
		t.Error("a reannouncer without anything")
	}
}
