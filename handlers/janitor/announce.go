package janitor

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Announcements are what changes of groups have told nobody yet: whoever made the change died
// in between, or the queue was away.
type Announcements interface {
	ListAnnouncements(ctx context.Context, in *pb.ListAnnouncementsRequest) (*pb.ListAnnouncementsResponse, error)
	DropAnnouncements(ctx context.Context, in *pb.DropAnnouncementsRequest) (*pb.DropAnnouncementsResponse, error)
}

// Announcer hands an announcement to the queue.
type Announcer interface {
	Announce(ctx context.Context, a *pb.Announcement) error
}

const (
	// announceAfter is how old an announcement is left to whoever made it.
	announceAfter = 5 * time.Second
	// announceEvery is between two looks.
	announceEvery = 3 * time.Second
	// announceMost is how many are told in one look.
	announceMost = 200
)

// Crier announces what was left. One goroutine runs it.
type Crier struct {
	list    Announcements
	out     Announcer
	timeout time.Duration
	report  func(error)
}

// NewCrier returns a crier; report is told of every failed look.
func NewCrier(list Announcements, out Announcer, timeout time.Duration, report func(error)) (*Crier, error) {
	if list == nil || out == nil || timeout <= 0 || report == nil {
		return nil, errors.New("configure crier: a dependency is missing")
	}
	return &Crier{list: list, out: out, timeout: timeout, report: report}, nil
}

// Run looks again and again until ctx is done.
func (c *Crier) Run(ctx context.Context) error {
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

func (c *Crier) look(ctx context.Context) error {
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
