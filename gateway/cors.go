package gateway

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/gochat/gochat/contracts"
)

// What pages of listed origins may do. Tokens travel in a header and never in cookies, so no answer
// allows credentials.
const (
	corsHeaders = "Authorization, Content-Type, Idempotency-Key"
	corsExposed = headerTraceID + ", " + fiber.HeaderRetryAfter
	// corsMaxAge is how long a browser keeps the answer to a preflight; none keeps it longer.
	corsMaxAge = 2 * time.Hour
)

// share lets a page of a listed origin read the answer, whatever the answer is. A page of another origin
// gets the same answer, which its browser keeps from it.
func (g *Gateway) share(c *fiber.Ctx) {
	if g.tuned().origins.empty() || g.forOperators(c.Path()) {
		return
	}
	c.Vary(fiber.HeaderOrigin)
	from := c.Get(fiber.HeaderOrigin)
	switch {
	case g.tuned().origins.any:
		c.Set(fiber.HeaderAccessControlAllowOrigin, anyOrigin)
	case g.tuned().origins.lists(from):
		c.Set(fiber.HeaderAccessControlAllowOrigin, strings.Clone(from))
	default:
		return
	}
	c.Set(fiber.HeaderAccessControlExposeHeaders, corsExposed)
}

// preflight answers a browser that asks whether a page of a listed origin may make a call. Its answer does not say
// whether the call exists.
func (g *Gateway) preflight(c *fiber.Ctx) error {
	if c.Method() != fiber.MethodOptions || c.Get(fiber.HeaderAccessControlRequestMethod) == "" {
		return c.Next()
	}
	if len(c.Response().Header.Peek(fiber.HeaderAccessControlAllowOrigin)) == 0 {
		if c.Get(fiber.HeaderOrigin) == "" {
			return c.Next()
		}
		return unlisted(c.Next())
	}
	c.Response().Header.Del(fiber.HeaderAccessControlExposeHeaders) // it belongs to the answer of the call itself
	c.Set(fiber.HeaderAccessControlAllowMethods, g.methods)
	c.Set(fiber.HeaderAccessControlAllowHeaders, corsHeaders)
	c.Set(fiber.HeaderAccessControlMaxAge, strconv.Itoa(int(corsMaxAge.Seconds())))
	return c.SendStatus(fiber.StatusNoContent)
}

// unlisted explains the 405 that the preflight of a page gets whose origin is not listed: the origin is refused, not
// the path. Any other result of the route is passed on.
func unlisted(err error) error {
	var f *fiber.Error
	if errors.As(err, &f) && f.Code == fiber.StatusMethodNotAllowed {
		return contracts.NewError(contracts.CodeMethodNotAllowed,
			"Pages of this origin may not make calls: gateway.allowed_origins does not list it.")
	}
	return err
}

// checkOrigin refuses a handshake to a page whose origin may not connect: browsers open a WebSocket for any page.
func (g *Gateway) checkOrigin(c *fiber.Ctx) error {
	if g.tuned().origins.mayConnect(c.Get(fiber.HeaderOrigin), string(c.Request().Host())) {
		return c.Next()
	}
	return contracts.NewError(contracts.CodePermissionDenied,
		"Web pages of this origin may not connect: gateway.allowed_origins does not list it.")
}
