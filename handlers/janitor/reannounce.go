package janitor

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Announcements lists and drops announcements that are not in the queue yet: the process that made the change
// died before it could publish them, or the queue was away.
type Announcements interface {
	ListAnnouncements(ctx context.Context, in *pb.ListAnnouncementsRequest) (*pb.ListAnnouncementsResponse, error)
	DropAnnouncements(ctx context.Context, in *pb.DropAnnouncementsRequest) (*pb.DropAnnouncementsResponse, error)
}

// Announcer hands an announcement to the queue.
type Announcer interface {
	Announce(ctx context.Context, a *pb.Announcement) error
}

const (
	// announceAfter is how long an announcement is left to the process that made the change.
	announceAfter = 5 * time.Second
	// announceEvery is between two looks.
	announceEvery = 3 * time.Second
	// announceMost bounds the announcements of one look.
	announceMost = 200
)

// Reannouncer publishes announcements that were left behind. One goroutine runs it.
type Reannouncer struct {
	list    Announcements
	out     Announcer
	timeout time.Duration
	report  func(error)
}

// NewReannouncer returns a reannouncer; report is told of every failed look.
func NewReannouncer(list Announcements, out Announcer, timeout time.Duration, report func(error)) (*Reannouncer, error) {
	if list == nil || out == nil || timeout <= 0 || report == nil {
		return nil, errors.New("configure the repetition of announcements: a dependency is missing")
	}
	return &Reannouncer{list: list, out: out, timeout: timeout, report: report}, nil
}

// Run looks again and again until ctx is done.
func (c *Reannouncer) Run(ctx context.Context) error {
	ticker := time.NewTicker(announceEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		if err := c.look(ctx); err != nil && ctx.Err() == nil {
			c.report(err)
		}
	}
}

func (c *Reannouncer) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	found, err := c.list.ListAnnouncements(ctx, &pb.ListAnnouncementsRequest{
		Before: time.Now().Add(-announceAfter).UnixMilli(), Limit: announceMost,
	})
	if err != nil {
		return fmt.Errorf("look for announcements: %w", err)
	}
	for _, a := range found.GetAnnouncements() {
		if err := c.out.Announce(ctx, a); err != nil {
			return fmt.Errorf("announce %d: %w", a.GetAnnouncementId(), err)
		}
		if _, err := c.list.DropAnnouncements(ctx, &pb.DropAnnouncementsRequest{AnnouncementIds: []int64{a.GetAnnouncementId()}}); err != nil {
			return fmt.Errorf("drop announcement %d: %w", a.GetAnnouncementId(), err)
		}
	}
	return nil
}
