package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/pires/go-proxyproto"
)

// How a trusted proxy tells the client's address. Only the configured way is believed: a proxy passes on other headers
// as its client made them up.
const (
	byForwardedFor  = "x-forwarded-for"
	byForwarded     = "forwarded"
	byProxyProtocol = "proxy-protocol"
)

func checkForwardedBy(way string, proxies []string) error {
	switch way {
	case byForwardedFor, byForwarded:
		return nil
	case byProxyProtocol:
		if len(proxies) == 0 {
			return fmt.Errorf("%s: name the proxies that send it in gateway.trusted_proxies", way)
		}
		return nil
	}
	return fmt.Errorf("%q: must be %s, %s or %s", way, byForwardedFor, byForwarded, byProxyProtocol)
}

// clientAddress returns the address that limits count against: the peer's, or, as long as that is a trusted proxy, the
// address that this proxy has put behind the other hops. A hop that is no address ends the search.
func clientAddress(peer netip.Addr, hops []string, trusted []netip.Prefix) netip.Addr {
	peer = peer.Unmap()
	for i := len(hops) - 1; i >= 0 && contains(trusted, peer); i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			return peer
		}
		peer = hop
	}
	return peer
}

// parseHop reads an address as proxies write it: alone, in brackets, with a port or with a word in the
// port's place (RFC 7239, section 6).
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "["); ok {
		host, port, closed := strings.Cut(rest, "]")
		if !closed || port != "" && port[0] != ':' {
			return netip.Addr{}, false
		}
		text = host
	} else if strings.Count(text, ":") == 1 {
		text, _, _ = strings.Cut(text, ":")
	}
	addr, err := netip.ParseAddr(text)
	return addr.Unmap(), err == nil
}

// forwardedFor splits X-Forwarded-For.
func forwardedFor(header string) []string { return strings.Split(header, ",") }

// forwarded returns the for parameter of each element of a Forwarded header (RFC 7239), "" where there is none. A
// header that cannot be parsed to its end, such as one with an open quotation, has no hops at all.
func forwarded(header string) []string {
	var hops []string
	for len(header) > 0 {
		hop := ""
		for {
			name, value, rest, ok := forwardedPair(header)
			if !ok {
				return nil
			}
			if strings.EqualFold(name, "for") {
				hop = value
			}
			if header = rest; header == "" || header[0] == ',' {
				break
			}
			header = header[1:]
		}
		hops = append(hops, hop)
		header = strings.TrimPrefix(header, ",")
	}
	return hops
}

// forwardedPair takes the first name=value of a Forwarded header; rest begins with the separator behind the pair.
func forwardedPair(header string) (name, value, rest string, ok bool) {
	end := strings.IndexAny(header, "=;,")
	if end < 0 || header[end] != '=' { // without a value, only an empty pair is allowed
		if end < 0 {
			end = len(header)
		}
		return "", "", header[end:], strings.TrimSpace(header[:end]) == ""
	}
	name, header = strings.TrimSpace(header[:end]), header[end+1:]
	if !strings.HasPrefix(header, `"`) {
		end = strings.IndexAny(header, ";,")
		if end < 0 {
			end = len(header)
		}
		return name, strings.TrimSpace(header[:end]), header[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(header); i++ {
		switch header[i] {
		case '\\':
			if i++; i < len(header) {
				b.WriteByte(header[i])
			}
		case '"':
			rest = strings.TrimLeft(header[i+1:], " \t")
			return name, b.String(), rest, rest == "" || rest[0] == ';' || rest[0] == ','
		default:
			b.WriteByte(header[i])
		}
	}
	return "", "", "", false
}

// proxied reads the PROXY protocol's header of connections from trusted proxies, which must send it, and
// takes others as they are.
func proxied(ln net.Listener, trusted []netip.Prefix, most time.Duration) net.Listener {
	return &proxyproto.Listener{
		Listener: ln, ReadHeaderTimeout: most,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if peer, ok := o.Upstream.(*net.TCPAddr); ok && contains(trusted, peer.AddrPort().Addr().Unmap()) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}
