package app

import (
	"net"
	"net/http"
	"net/http/pprof"
)

// openProfiles are the profiles for debug.listen. It asks nobody who they are; on loopback it refuses
// web pages, which a browser on this machine would let read a dump of the memory.
func openProfiles(at net.Addr) http.Handler {
	if may := newAccess(at, ""); may.local {
		return may.guard(profiles())
	}
	return profiles()
}

// profiles are the runtime's: /debug/pprof/ lists them; heap and goroutine are dumps, profile is
// the CPU's.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
