// Package gateway is the edge: the HTTP API and the WebSocket of the client
// contract on one port. It parses, calls services and renders; it knows no rule of
// the business.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

// Deps are what a gateway works with. Fields with the tag dep:"optional" may be nil, and so may Health, Alive, OpenAPI
// and AsyncAPI: without Health or Alive nothing is asked, and without a contract file its pages are missing.
type Deps struct {
	Auth          pb.AuthServiceClient
	Users         pb.UserServiceClient
	Conversations pb.ConversationServiceClient
	Messages      pb.MessageServiceClient
	Groups        pb.GroupServiceClient
	Search        pb.SearchServiceClient
	// QueueSystem is what the queue is called in traces.
	QueueSystem string
	Sessions    pb.SessionRepoClient
	Store       EpochSource
	// Shared are the token buckets that all gateways share. A call must return soon, with an error while the buckets
	// are away, since senders wait for it. Nil: there is only this gateway.
	Shared      pb.LimitRepoClient `dep:"optional"`
	Devices     pb.DeviceServiceClient
	DeviceNotes pb.DeviceRepoClient
	Receipts    pb.ReceiptServiceClient
	Presence    pb.PresenceServiceClient
	Present     pb.PresenceRepoClient

	// Transport carries sends to the message role and deliveries back. The gateway
	// makes and deletes its own downstream topic; the upstream topic must exist.
	Transport mq.Transport

	Log      *zap.Logger
	Metrics  prometheus.Registerer
	Gatherer prometheus.Gatherer
	// Health asks every dependency and returns each one's answer by name.
	Health func(ctx context.Context) map[string]error
	// Status answers /status and /status.json, and decides itself who may see them; nil: there are no such pages.
	Status http.Handler `dep:"optional"`
	// Alive returns an error when the process stands still; nil: a process that answers counts as alive.
	Alive func() error

	// Web is the web client, with index.html at its root.
	Web fs.FS `dep:"optional"`
	// OpenAPI and AsyncAPI are the contract in machine-readable form.
	OpenAPI  []byte
	AsyncAPI []byte

	// Limits are the contract's limits; the zero value is contracts.DefaultLimits.
	Limits contracts.Limits
}

// missing names a dependency that is not there and not marked as optional.
func (d Deps) missing() error {
	v := reflect.ValueOf(d)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if k := field.Type.Kind(); k != reflect.Interface && k != reflect.Pointer {
			continue
		}
		if v.Field(i).IsNil() && field.Tag.Get("dep") != "optional" {
			return fmt.Errorf("configure gateway: %s is missing", field.Name)
		}
	}
	return nil
}

// Gateway is one edge process. It serves once.
type Gateway struct {
	cfg  Config
	deps Deps
	id   string
	log  *zap.Logger

	app *fiber.App
	// methods lists the routes' methods for answers to preflights; operational has the paths for operators.
	methods     string
	operational map[string]bool

	upgrader websocket.Upgrader
	tuning   atomic.Pointer[tuning]
	proxies  []netip.Prefix
	metrics  *metrics
	tracer   trace.Tracer
	retry    *retrySpread
	limits   *limits

	epochs    epochs
	hub       *hub
	upstream  *upstream
	registrar *registrar
	devices   *deviceNotes
	receipts  *receipts
	watch     *watch
	announcer *announcer

	typists typists
	// replacing has the sockets that newer ones on other gateways are to replace.
	replacing chan replacement
	// counter numbers connections, records and traces of this gateway.
	counter  atomic.Uint64
	served   atomic.Bool
	serving  chan struct{}
	draining atomic.Bool
	leaving  atomic.Bool // Leave was called: not ready, and still serving
	// opsServed: this port answers /readyz and /metrics.
	opsServed atomic.Bool
	// forced is closed when the drain has no time left for goodbyes.
	forced chan struct{}
	// readers counts sockets that still take frames, conns those that are open.
	readers sync.WaitGroup
	conns   sync.WaitGroup
}

// New returns a gateway with an id that no other gateway ever has. The error names everything that is wrong with cfg,
// or one missing dependency.
func New(cfg Config, deps Deps) (*Gateway, error) {
	if err := errors.Join(cfg.Validate(), deps.missing()); err != nil {
		return nil, err
	}
	if deps.Limits == (contracts.Limits{}) {
		deps.Limits = contracts.DefaultLimits()
	}
	proxies, err := parseNetworks(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	id, err := newID(cfg.IDPrefix)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		cfg: cfg, deps: deps, id: id, log: deps.Log.With(zap.String("gateway", id)),
		proxies: proxies,
		retry:   newRetrySpread(cfg.RetrySpread), tracer: newTracer(),
		epochs: epochs{source: deps.Store},
		hub:    newHub(cfg.Rates.SocketsPerUser), forced: make(chan struct{}), serving: make(chan struct{}),
	}
	g.upgrader = newUpgrader()
	if g.metrics, err = newMetrics(deps.Metrics, g.hub); err != nil {
		return nil, err
	}
	if g.limits, err = newLimits(cfg.Rates, deps.Shared, g.metrics); err != nil {
		return nil, err
	}
	if err := g.Retune(cfg.Rates, deps.Limits, cfg.AllowedOrigins); err != nil {
		return nil, err
	}
	g.upstream = newUpstream(deps.Transport.Publisher(), cfg, g.metrics)
	g.replacing = make(chan replacement, replaceMost)
	g.hub.replaced = g.queueReplaced
	g.watch, g.announcer = newWatch(g), newAnnouncer(g)
	g.registrar = newRegistrar(id, cfg, deps.Sessions, g.hub, g.log)
	g.registrar.announce, g.registrar.upset = g.announcer.add, g.watch.askAll
	if g.receipts, err = g.newReceipts(); err != nil {
		return nil, err
	}
	g.devices = g.newDeviceNotes()
	if g.app, err = g.routes(); err != nil {
		return nil, err
	}
	return g, nil
}

// Ready returns a channel that is closed when the gateway takes connections, and never if its start fails.
func (g *Gateway) Ready() <-chan struct{} { return g.serving }

// ID returns the gateway's id, which names its downstream topic.
func (g *Gateway) ID() string { return g.id }

// newID makes an id with the time of the start in it, so that it is never used twice.
func newID(prefix string) (string, error) {
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("make a gateway id: %w", err)
	}
	return prefix + "-" + strconv.FormatInt(time.Now().UnixMilli(), 36) + "-" + hex.EncodeToString(random[:]), nil
}

// next returns an id that is unique in the whole system and cheap.
func (g *Gateway) next() string {
	return g.id + "-" + strconv.FormatUint(g.counter.Add(1), 36)
}

// rpc bounds a call to a service.
func (g *Gateway) rpc(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, g.cfg.RPCTimeout)
}
