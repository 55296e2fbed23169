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
	// announceMost bounds the changes that wait, in all, and announceEach those for one gateway. One that finds no room is
	// lost: its watcher finds it within watchRound.
	announceMost, announceEach = 1 << 16, 1 << 13
	// announceRun is how many changes one record has.
	announceRun = 1000
	// announceAtOnce is how many gateways are told at the same time.
	announceAtOnce = 16
	// announcePause is the time between two records to a gateway: a user who comes and goes all the time is in each once.
	announcePause = 100 * time.Millisecond
	// announceRetry is the pause after a record that the queue did not take.
	announceRetry = time.Second
)

// announcer tells other gateways which users, of those whom they watch, have got or lost a socket here. Each of them is
// told by a goroutine of its own, so that none waits for another one's topic. Changes that come meanwhile share the next
// record, and several changes of a user are one. Safe for concurrent use.
type announcer struct {
	g       *Gateway
	quit    chan struct{}
	places  chan struct{} // taken by those who publish
	telling sync.WaitGroup

	mu sync.Mutex
	// to has the changes for each gateway that is being told.
	to     map[string]tidings
	held   int // changes that wait
	lost   int // changes that found no room since the last log line
	closed bool
}

// tidings are, for one gateway, when the users lost a socket here, Unix milliseconds; 0: they did not.
type tidings map[int64]int64

func newAnnouncer(g *Gateway) *announcer {
	return &announcer{g: g, quit: make(chan struct{}), places: make(chan struct{}, announceAtOnce), to: map[string]tidings{}}
}

// add queues a change for each gateway that watches one of the users, and never waits.
func (a *announcer) add(watched []*pb.Watched, left map[int64]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range watched {
		for _, gateway := range w.GetGatewayIds() {
			a.put(gateway, w.GetUserId(), left[w.GetUserId()])
		}
	}
}

func (a *announcer) put(gateway string, user, left int64) {
	of, telling := a.to[gateway]
	if !telling {
		if a.closed {
			return
		}
		of = tidings{}
		a.to[gateway] = of
		a.telling.Go(func() { a.tell(gateway) })
	}
	was, known := of[user]
	switch {
	case !known && (a.held >= announceMost || len(of) >= announceEach):
		a.lost++
		return
	case !known:
		a.held++
	}
	of[user] = max(was, left)
}

// run returns after quit is closed and everything that waited was published, or refused once more.
func (a *announcer) run() {
	<-a.quit
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.telling.Wait()
}

// tell publishes the changes for one gateway until none wait. What the queue does not take is tried again, and once
// more after quit.
func (a *announcer) tell(gateway string) {
	for last := false; ; {
		left, lost := a.take(gateway)
		if len(left) == 0 {
			return
		}
		if lost > 0 {
			a.g.log.Warn("changes of presence are not announced: too many wait; watchers find them within minutes", zap.Int("changes", lost))
		}
		wait := announcePause
		a.places <- struct{}{}
		err := a.hand(gateway, left)
		<-a.places
		if err != nil {
			a.g.log.Warn("changes of presence are announced later", zap.Error(err))
			a.keep(gateway, left)
			wait = announceRetry
		}
		if !pause(wait, a.quit) {
			if last && err != nil {
				a.drop(gateway)
				return
			}
			last = true
		}
	}
}

// take returns what waits for a gateway. Nothing: the gateway needs no goroutine any more.
func (a *announcer) take(gateway string) (left tidings, lost int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	left = a.to[gateway]
	if len(left) == 0 {
		delete(a.to, gateway)
		return nil, 0
	}
	a.held -= len(left)
	a.to[gateway] = tidings{}
	lost, a.lost = a.lost, 0
	return left, lost
}

// keep puts back what was not published.
func (a *announcer) keep(gateway string, left tidings) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for user, at := range left {
		a.put(gateway, user, at)
	}
}

func (a *announcer) drop(gateway string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held -= len(a.to[gateway])
	delete(a.to, gateway)
}

// hand hands changes to one gateway; a gateway that is gone needs none.
func (a *announcer) hand(gateway string, left tidings) error {
	if gateway == a.g.id {
		a.g.watch.changed(changesOf(slices.Collect(maps.Keys(left)), left))
		return nil
	}
	if err := a.publish(gateway, left); err != nil && !errors.Is(err, mq.ErrUnknownTopic) {
		return fmt.Errorf("announce %d changes of presence to gateway %s: %w", len(left), gateway, err)
	}
	return nil
}

func (a *announcer) publish(gateway string, left tidings) error {
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

func changesOf(users []int64, left tidings) []*pb.PresenceChange {
	out := make([]*pb.PresenceChange, len(users))
	for i, user := range users {
		out[i] = &pb.PresenceChange{UserId: user, LastSeenAt: left[user]}
	}
	return out
}
