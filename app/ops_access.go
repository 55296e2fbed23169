package app

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// tokenMin is the shortest ops.token, in bytes. Guesses are not limited in number, so the token must be long.
const tokenMin = 16

func (c OpsConfig) validate() error {
	if c.Token != "" && len(c.Token) < tokenMin {
		return fmt.Errorf("ops.token has %d bytes: it must have at least %d (openssl rand -base64 33 makes one)", len(c.Token), tokenMin)
	}
	return nil
}

// access guards what shows or changes the inside of a process. It lets a request through that carries the token,
// and on a loopback listener every request of this machine that carries none.
type access struct {
	local bool     // the listener is on loopback
	token [32]byte // SHA-256 of the token
	asks  bool     // ops.token is set
}

// newAccess returns the guard of a listener; an empty token lets nobody through by token.
func newAccess(at net.Addr, token string) access {
	tcp, ok := at.(*net.TCPAddr)
	return access{local: ok && tcp.IP.IsLoopback(), token: sha256.Sum256([]byte(token)), asks: token != ""}
}

// open reports whether any request can be let through.
func (a access) open() bool { return a.local || a.asks }

// refusal returns 0 when the request is let through, else the HTTP status of the refusal.
func (a access) refusal(r *http.Request) int {
	if !a.open() {
		return http.StatusNotFound
	}
	if given, ok := bearer(r); ok {
		sum := sha256.Sum256([]byte(given))
		if a.asks && subtle.ConstantTimeCompare(sum[:], a.token[:]) == 1 {
			return 0
		}
		return http.StatusUnauthorized
	}
	switch {
	case a.local && direct(r):
		return 0
	case a.asks:
		return http.StatusUnauthorized
	}
	return http.StatusForbidden
}

// bearer returns the bearer token of a request, and whether there is one.
func bearer(r *http.Request) (token string, given bool) {
	const scheme = "bearer "
	h := r.Header.Get("Authorization")
	if len(h) < len(scheme) || !strings.EqualFold(h[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimSpace(h[len(scheme):]), true
}

// direct reports whether a program of this machine sent a request on loopback by itself. A proxy adds headers to
// the requests that it forwards. A web page of another site is told by Sec-Fetch-Site or, after DNS rebinding, by
// a Host that is not a loopback name.
func direct(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// guard passes requests that are let through to next, and answers the others with the reason.
func (a access) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch status := a.refusal(r); status {
		case 0:
			next.ServeHTTP(w, r)
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", `Bearer realm="gochat operations"`)
			http.Error(w, "The token of the setting ops.token is needed: Authorization: Bearer …", status)
		case http.StatusForbidden:
			http.Error(w, "Without the setting ops.token this is for programs of this machine that call it by a loopback name.", status)
		default:
			http.Error(w, "There is no such thing here; with the setting ops.token there is.", status)
		}
	})
}
