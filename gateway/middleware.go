package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/obs"
)

const (
	headerTraceID = "X-Trace-Id"
	localTraceID  = "trace-id"

	headerRequestID = "X-Request-Id"

	contentPolicy = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: https:; " +
		"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

// prepare sets a response's trace id, security headers and CORS headers, once.
func (g *Gateway) prepare(c *fiber.Ctx) {
	if c.Locals(localTraceID) != nil {
		return
	}
	var id string
	if sc := trace.SpanContextFromContext(c.UserContext()); sc.HasTraceID() {
		id = sc.TraceID().String()
	} else {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		id = hex.EncodeToString(b[:])
	}
	c.Locals(localTraceID, id)
	c.Set(headerTraceID, id)
	request := requestID(c, id)
	c.SetUserContext(obs.WithCaller(c.UserContext(), obs.Caller{Request: request}))
	c.Set(headerRequestID, request)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, contentPolicy)
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	g.share(c)
}

func traceID(c *fiber.Ctx) string {
	id, _ := c.Locals(localTraceID).(string)
	return id
}

// about returns the fields of a log line that say which request, and which user's, the line is about.
func about(c *fiber.Ctx) []zap.Field {
	of := obs.CallerOf(c.UserContext())
	return []zap.Field{zap.String(obs.FieldTrace, traceID(c)), zap.String(obs.FieldRequest, of.Request), obs.UserField(of.User)}
}

// observe is the outermost middleware: trace, metrics, recovery.
func (g *Gateway) observe(c *fiber.Ctx) error {
	begin := time.Now()
	ctx, span := g.tracer.Start(context.Background(), "http", clientTrace(c), trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	c.SetUserContext(ctx)
	g.prepare(c)
	if err := g.recovered(c); err != nil {
		if err := g.fail(c, err); err != nil {
			return err
		}
	}
	route := c.Route().Path
	describe(span, knownMethod(c.Method()), strings.Clone(route), c.Response().StatusCode())
	g.metrics.request(knownMethod(c.Method()), strings.Clone(route), c.Response().StatusCode(), time.Since(begin))
	return nil
}

// maxRequestID bounds what a client may name its request, in bytes.
const maxRequestID = 64

// requestID returns the request id that the client or a proxy has given, if it is fit for the log, or else the trace
// id.
func requestID(c *fiber.Ctx, traceID string) string {
	if id := c.Get(headerRequestID); id != "" && len(id) <= maxRequestID && strings.Trim(id, requestIDBytes) == "" {
		return strings.Clone(id)
	}
	return traceID
}

// requestIDBytes are what a request's id is made of.
const requestIDBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-"

// clientTrace links a request's trace to the trace that its client names. The request's trace has an id of its own, and
// the gateway decides whether it is kept: otherwise any client could write into the traces of others, or fill their
// store.
func clientTrace(c *fiber.Ctx) trace.SpanStartOption {
	theirs := trace.SpanContext{}
	if parent := c.Get("traceparent"); parent != "" {
		carrier := propagation.MapCarrier{"traceparent": strings.Clone(parent)}
		theirs = trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	}
	if !theirs.IsValid() {
		return trace.WithLinks()
	}
	return trace.WithLinks(trace.Link{SpanContext: theirs})
}

// knownMethod keeps clients from making up label values.
func knownMethod(m string) string {
	if i := slices.Index(knownMethods, m); i >= 0 {
		return knownMethods[i]
	}
	return otherType
}

// recovered turns a panic of a handler into an error.
func (g *Gateway) recovered(c *fiber.Ctx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = contracts.NewError(contracts.CodeInternal, "").
				WithCause(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return c.Next()
}

// address returns the address that limits count the client by (see limitKey).
func (g *Gateway) address(c *fiber.Ctx) netip.Addr {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return netip.Addr{}
	}
	var hops []string
	switch g.cfg.ForwardedBy { // a header in several lines is one list
	case byForwardedFor:
		hops = forwardedFor(string(bytes.Join(c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), []byte(","))))
	case byForwarded:
		hops = forwarded(string(bytes.Join(c.Request().Header.PeekAll(fiber.HeaderForwarded), []byte(","))))
	}
	return limitKey(clientAddress(peer, hops, g.proxies))
}

// bearer returns the token of the Authorization header, "" when there is none. The string is valid during the request.
func bearer(c *fiber.Ctx) string {
	const scheme = "Bearer "
	h := c.Get(fiber.HeaderAuthorization)
	if len(h) <= len(scheme) || !strings.EqualFold(h[:len(scheme)], scheme) {
		return ""
	}
	return strings.TrimSpace(h[len(scheme):])
}

// authenticate returns the user of a token, or the error that the caller is to answer. device is what a socket names.
func (g *Gateway) authenticate(c *fiber.Ctx, token, device string) (grantee, error) {
	if token == "" {
		return grantee{}, contracts.NewError(contracts.CodeUnauthenticated, "")
	}
	who := grantee{token: strings.Clone(token)}
	ctx, cancel := g.rpc(c.UserContext())
	defer cancel()
	resp, err := g.deps.Auth.Authenticate(ctx, &pb.AuthenticateRequest{Token: who.token, DeviceId: device})
	if err != nil {
		return grantee{}, err
	}
	who.user, who.tokenID, who.expires = resp.GetUserId(), resp.GetTokenId(), resp.GetExpiresAt()
	who.issued = resp.GetIssuedAt()
	return who, nil
}

// caller is an authenticated request.
type caller struct {
	*fiber.Ctx
	grantee
	// ctx has the deadline for calls to services.
	ctx context.Context
}

// Params returns a part of the path, decoded once, or "", which is no id, when it cannot be decoded. The string may be
// kept after the request.
func (r *caller) Params(name string) string {
	text, err := url.PathUnescape(strings.Clone(r.Ctx.Params(name)))
	if err != nil || !utf8.ValidString(text) {
		return ""
	}
	return text
}

// authenticated runs a handler for the user whose token the request carries.
func (g *Gateway) authenticated(handle func(r *caller) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		who, err := g.authenticate(c, bearer(c), "")
		if err != nil {
			return err
		}
		if wait := g.limits.calls.take(who.user); wait > 0 {
			return rateLimited(wait)
		}
		c.SetUserContext(obs.WithCaller(c.UserContext(), obs.Caller{Request: obs.CallerOf(c.UserContext()).Request, User: who.user}))
		ctx, cancel := g.rpc(c.UserContext())
		defer cancel()
		return handle(&caller{Ctx: c, grantee: who, ctx: ctx})
	}
}

// limitAuth slows the guessing of passwords and the making of accounts.
func (g *Gateway) limitAuth(c *fiber.Ctx) error {
	address := g.address(c)
	if wait := g.limits.auth.take(address); wait > 0 {
		g.log.Info("an address registers or logs in too often", append(about(c), zap.Stringer("address", address))...)
		return rateLimited(wait)
	}
	return c.Next()
}
