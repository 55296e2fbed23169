package gateway

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// anyOrigin allows every page.
const anyOrigin = "*"

// origin is where a page comes from: scheme and host in lower case; the port is empty when it is the
// scheme's default.
type origin struct{ scheme, host, port string }

// defaultPorts are those that browsers leave out.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// parseOrigin reads an origin as browsers send it.
func parseOrigin(text string) (origin, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || u.Path != "" ||
		u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return origin{}, false
	}
	o := origin{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: u.Port()}
	if o.port == defaultPorts[o.scheme] {
		o.port = ""
	}
	return o, true
}

// originList are the origins whose pages may use the API and the socket, beside the gateway's own.
type originList struct {
	any   bool
	exact map[origin]bool
	// under are hosts whose subdomains, at any depth, are listed by an entry with a star.
	under map[origin]bool
}

// parseOrigins reads entries such as https://app.example.com, https://*.example.com and *. One that no
// browser's Origin can match is an error.
func parseOrigins(texts []string) (originList, error) {
	l := originList{exact: map[origin]bool{}, under: map[origin]bool{}}
	for _, text := range texts {
		if text == anyOrigin {
			l.any = true
			continue
		}
		// Earlier releases ignored a slash at the end, too.
		o, ok := parseOrigin(strings.TrimSuffix(text, "/"))
		if !ok {
			return originList{}, fmt.Errorf("%q is not an origin: a scheme and a host, with a port if need be and nothing behind it, "+
				"such as https://app.example.com or https://*.example.com; or * for all", text)
		}
		host, starred := strings.CutPrefix(o.host, "*.")
		switch {
		case strings.Contains(host, "*"):
			return originList{}, fmt.Errorf("%q matches nothing: a star stands for the front of a host only, as in https://*.example.com", text)
		case host == "" || strings.Trim(host, "."+hostCharacters) != "":
			return originList{}, fmt.Errorf("%q matches nothing: browsers write the host in a-z, 0-9, - and dots (xn--… for other letters)", text)
		case o.scheme == "ws" || o.scheme == "wss":
			return originList{}, fmt.Errorf("%q matches nothing: a page comes by http or https, its socket too", text)
		case o.port != "" && !validPort(o.port):
			return originList{}, fmt.Errorf("%q matches nothing: a port is 1 to 65535", text)
		}
		o.host = host
		if starred {
			l.under[o] = true
		} else {
			l.exact[o] = true
		}
	}
	return l, nil
}

func validPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0 && text[0] != '0'
}

// hostCharacters are those of names and of addresses in brackets.
const hostCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-_:"

// empty reports whether only the gateway's own pages may use it.
func (l originList) empty() bool { return !l.any && len(l.exact) == 0 && len(l.under) == 0 }

// lists reports whether an Origin header is a listed one.
func (l originList) lists(text string) bool {
	if l.any {
		return true
	}
	if text == "" || l.empty() {
		return false
	}
	o, ok := parseOrigin(text)
	if !ok {
		return false
	}
	if l.exact[o] {
		return true
	}
	for len(l.under) > 0 {
		_, parent, more := strings.Cut(o.host, ".")
		if !more {
			return false
		}
		if o.host = parent; l.under[o] {
			return true
		}
	}
	return false
}

// mayConnect reports whether a handshake with the Origin header text may open a socket: there is none (not a browser),
// it is the host's own, or a listed one.
func (l originList) mayConnect(text, host string) bool {
	return text == "" || l.lists(text) || ownOrigin(text, host)
}

// ownOrigin reports whether a page comes from the host that it calls.
func ownOrigin(text, host string) bool {
	page, ok := parseOrigin(text)
	if !ok {
		return false
	}
	own, ok := parseOrigin(page.scheme + "://" + host)
	return ok && page == own
}
