package gateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

const (
	// announceMost bounds the changes that wait. One that finds no room is lost: its watcher finds it within watchRound.
	announceMost = 1 << 16
	// announceRun is how many changes one record has.
	announceRun = 1000
	// announceRetry is the pause after a record that the queue did not take.
	announceRetry = time.Second
)

// announcer tells other gateways which users, of those whom they watch, have got or lost a socket here. One goroutine
// publishes: changes that come meanwhile share a record, and several changes of a user are one. Safe for concurrent use.
type announcer struct {
	g    *Gateway
	kick chan struct{}
	quit chan struct{}

	mu sync.Mutex
	// waiting has for each gateway when the users lost a socket here, Unix milliseconds; 0: they did not.
	waiting map[string]map[int64]int64
	held    int // changes in waiting
	lost    int // changes that found no room since the last log line
}

func newAnnouncer(g *Gateway) *announcer {
	return &announcer{g: g, kick: make(chan struct{}, 1), quit: make(chan struct{}), waiting: map[string]map[int64]int64{}}
}

// add queues a change for each gateway that watches one of the users, and never waits.
func (a *announcer) add(watched []*pb.Watched, left map[int64]int64) {
	if len(watched) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range watched {
		for _, gateway := range w.GetGatewayIds() {
			a.put(gateway, w.GetUserId(), left[w.GetUserId()])
		}
	}
	select {
	case a.kick <- struct{}{}:
	default: // run is awake
	}
}

func (a *announcer) put(gateway string, user, left int64) {
	of := a.waiting[gateway]
	was, known := of[user]
	switch {
	case !known && a.held >= announceMost:
		a.lost++
		return
	case !known:
		a.held++
	}
	if of == nil {
		of = map[int64]int64{}
		a.waiting[gateway] = of
	}
	of[user] = max(was, left)
}

// run publishes what is added until quit is closed, and once more then.
func (a *announcer) run() {
	for {
		select {
		case <-a.kick:
		case <-a.quit:
			a.flush()
			return
		}
		if a.flush() {
			continue
		}
		if !pause(announceRetry, a.quit) {
			a.flush()
			return
		}
		select {
		case a.kick <- struct{}{}:
		default:
		}
	}
}

// flush publishes what waits. False: the queue did not take some of it, which waits again.
func (a *announcer) flush() bool {
	a.mu.Lock()
	batch, lost := a.waiting, a.lost
	a.waiting, a.held, a.lost = map[string]map[int64]int64{}, 0, 0
	a.mu.Unlock()
	if lost > 0 {
		a.g.log.Warn("changes of presence are not announced: too many wait; watchers find them within minutes", zap.Int("changes", lost))
	}
	for gateway, left := range batch {
		if err := a.tell(gateway, left); err != nil {
			a.g.log.Warn("changes of presence are announced later", zap.Error(err))
			a.keep(batch)
			return false
		}
		delete(batch, gateway)
	}
	return true
}

// tell hands changes to one gateway; a gateway that is gone needs none.
func (a *announcer) tell(gateway string, left map[int64]int64) error {
	if gateway == a.g.id {
		a.g.watch.changed(changesOf(slices.Collect(maps.Keys(left)), left))
		return nil
	}
	if err := a.publish(gateway, left); err != nil && !errors.Is(err, mq.ErrUnknownTopic) {
		return fmt.Errorf("announce %d changes of presence to gateway %s: %w", len(left), gateway, err)
	}
	return nil
}

// keep puts back what was not published.
func (a *announcer) keep(batch map[string]map[int64]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for gateway, left := range batch {
		for user, at := range left {
			a.put(gateway, user, at)
		}
	}
}

func (a *announcer) publish(gateway string, left map[int64]int64) error {
	var records []*message.Message
	for some := range slices.Chunk(slices.Collect(maps.Keys(left)), announceRun) {
		payload, err := proto.Marshal(&pb.Downstream{Deliveries: []*pb.Delivery{{PresenceChanges: changesOf(some, left)}}})
		if err != nil {
			return err
		}
		msg := message.NewMessage(a.g.next(), payload)
		msg.Metadata = message.Metadata{mq.KeyMetadata: gateway, contracts.MetaSchema: contracts.SchemaVersion}
		records = append(records, msg)
	}
	return a.g.deps.Transport.Publisher().Publish(contracts.TopicDownstream(gateway), records...)
}

func changesOf(users []int64, left map[int64]int64) []*pb.PresenceChange {
	out := make([]*pb.PresenceChange, len(users))
	for i, user := range users {
		out[i] = &pb.PresenceChange{UserId: user, LastSeenAt: left[user]}
	}
	return out
}
