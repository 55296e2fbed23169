package gateway

import (
	"strings"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

// gate is a transport whose publisher can be held or made to fail.
type gate struct {
	mq.Transport
	mu     sync.Mutex
	hold   chan struct{} // nil lets through
	fail   error
	batch  []int
	sends  []*pb.Upstream
	onSend func(m *message.Message, up *pb.Upstream)
	sink   func(msgs []*message.Message) // instead of all the rest
	// elsewhere takes records for other gateways; nil: there are none.
	elsewhere func(topic string, msgs []*message.Message) error
}

func (g *gate) Publisher() message.Publisher { return gatePublisher{g} }

type gatePublisher struct{ g *gate }

func (p gatePublisher) Close() error { return nil }

func (p gatePublisher) Publish(topic string, msgs ...*message.Message) error {
	g := p.g
	if g.elsewhere != nil && strings.HasPrefix(topic, contracts.TopicDownstream("other")) {
		return g.elsewhere(topic, msgs)
	}
	if topic != contracts.TopicUpstream {
		return g.Transport.Publisher().Publish(topic, msgs...)
	}
	if g.sink != nil {
		g.sink(msgs)
		return nil
	}
	g.mu.Lock()
	hold, fail, on := g.hold, g.fail, g.onSend
	g.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if fail != nil {
		return fail
	}
	g.mu.Lock()
	g.batch = append(g.batch, len(msgs))
	ups := make([]*pb.Upstream, len(msgs))
	for i, m := range msgs {
		ups[i] = &pb.Upstream{}
		if err := proto.Unmarshal(m.Payload, ups[i]); err != nil {
			panic(err)
		}
	}
	g.sends = append(g.sends, ups...)
	g.mu.Unlock()
	if on != nil {
		for i, m := range msgs {
			on(m, ups[i])
		}
	}
	return nil
}

func (g *gate) published() []*pb.Upstream {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*pb.Upstream(nil), g.sends...)
}

func (g *gate) set(hold chan struct{}, fail error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold, g.fail = hold, fail
}
