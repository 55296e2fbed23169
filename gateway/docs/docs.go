// Package docs renders the client contract for people: one page from openapi.yaml and
// asyncapi.yaml, with its style sheet, and nothing from elsewhere.
package docs

import (
	"bytes"
	_ "embed" // the page and its style
	"fmt"
	"html/template"

	"github.com/gochat/gochat/contracts"
)

// The names under which the page and its style are to be served, below "/".
const (
	Page  = "docs"
	Style = "docs/style.css"
)

//go:embed page.gohtml
var pageText string

//go:embed style.css
var style []byte

var page = template.Must(template.New("page").Parse(pageText))

// model is all that the page shows.
type model struct {
	Style   string
	Version string
	HTTP    []template.HTML
	Socket  []template.HTML
	Groups  []group
	Client  []frame
	Server  []frame
	Objects []object
	Errors  []contracts.Spec
	Closes  []closing
}

// Render returns the page and the files that it needs, by name.
func Render(openapi, asyncapi []byte) (map[string][]byte, error) {
	m := model{Style: "/" + Style, Errors: contracts.Errors, Closes: closings}
	known, err := m.readHTTP(openapi)
	if err != nil {
		return nil, fmt.Errorf("render openapi.yaml: %w", err)
	}
	if err := m.readSocket(asyncapi, known); err != nil {
		return nil, fmt.Errorf("render asyncapi.yaml: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, m); err != nil {
		return nil, fmt.Errorf("render the contract: %w", err)
	}
	return map[string][]byte{Page: out.Bytes(), Style: style}, nil
}

// closing is a close code with what a client does about it.
type closing struct {
	Code   int
	Reason string
	Means  string
	Then   string
}

const comesBack = "Comes back after the time that the reason names."

var closings = []closing{
	{contracts.CloseTokenRevoked, contracts.CloseReasonRevoked + ", " + contracts.CloseReasonExpired,
		"The token is revoked or expired, or the device was revoked.", "Logs in again."},
	{contracts.CloseReplaced, contracts.CloseReasonReplaced,
		"A newer socket has the same deviceId.", "Stays away: the other one goes on."},
	{contracts.CloseTooSlow, contracts.CloseReasonTooSlow,
		"The client read too slowly; its queue stayed full.", comesBack},
	{contracts.CloseNoPing, contracts.CloseReasonNoPing,
		"Neither a ping nor another frame came for 3 × pingInterval.", "Comes back, and pings."},
	{contracts.CloseFlooding, contracts.CloseReasonFlooding,
		"The client sent far too many frames.", comesBack},
	{contracts.CloseFrameTooLarge, contracts.CloseReasonTooLarge,
		"A frame was larger than 64 KiB.", "Does not send that frame again."},
	{contracts.CloseServerRestart, contracts.CloseReasonRestarted,
		"The server restarts.", comesBack},
}
