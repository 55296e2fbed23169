package app

import (
	"net"
	"net/http"
	"net/http/pprof"
)

// openProfiles is the handler of debug.listen, which needs no token. On loopback it refuses requests of web pages:
// otherwise a page in a browser on this machine could read a dump of the memory.
func openProfiles(at net.Addr) http.Handler {
	if may := newAccess(at, ""); may.local {
		return may.guard(profiles())
	}
	return profiles()
}

// profiles serves the profiles of the Go runtime below /debug/pprof/.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
