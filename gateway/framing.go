package gateway

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/gochat/gochat/contracts"
)

// identityCoding is the content coding that changes nothing.
const identityCoding = "identity"

// checkFraming returns an error when a request's headers leave in doubt where its body ends. A proxy in front of the
// gateway might see another end, and a body to the proxy would be a request here (request smuggling). What fasthttp
// refuses by itself does not come here.
func checkFraming(h *fasthttp.RequestHeader) error {
	length, transfer := false, false
	for line := range bytes.Lines(h.RawHeaders()) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		switch {
		case !ok:
		case equalFold(name, fiber.HeaderContentLength):
			length = true
		case equalFold(name, fiber.HeaderTransferEncoding):
			transfer = true
			if !equalFold(bytes.TrimSpace(value), "chunked") {
				return contracts.NewError(contracts.CodeInvalidArgument, "The only Transfer-Encoding that is taken is chunked.")
			}
		}
	}
	if length && transfer {
		return contracts.NewError(contracts.CodeInvalidArgument, "A request has a Content-Length or a Transfer-Encoding, not both.")
	}
	return nil
}

func equalFold(b []byte, s string) bool { return len(b) == len(s) && strings.EqualFold(string(b), s) }

// refuseEncoded refuses a body with a Content-Encoding: inflated, a small body may become larger than all memory.
func refuseEncoded(c *fiber.Ctx) error {
	for _, list := range c.Request().Header.PeekAll(fiber.HeaderContentEncoding) {
		for coding := range bytes.SplitSeq(list, []byte(",")) {
			if coding = bytes.TrimSpace(coding); len(coding) > 0 && !equalFold(coding, identityCoding) {
				c.Set(fiber.HeaderAcceptEncoding, identityCoding)
				return contracts.NewError(contracts.CodeUnsupportedEncoding, "")
			}
		}
	}
	return c.Next()
}

// rawBody returns a request's body as it came. Fiber's Body would inflate the body, without a bound.
func rawBody(c *fiber.Ctx) []byte { return c.Request().Body() }

// Body hides Fiber's Body; see rawBody.
func (r *caller) Body() []byte { return rawBody(r.Ctx) }
