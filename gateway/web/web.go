// Package web holds the web client that the gateway serves at "/".
//
// The source is in src, the built files in dist. dist is committed, so that the server
// builds with Go alone; "npm ci && npm run build" makes it anew, byte for byte the same.
package web

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS returns the built web client: index.html at its root, and under assets what
// index.html names. Names under assets carry a hash of their content, so those files may be
// cached for ever; index.html may not. Its files never change and may be read
// by many goroutines at once.
func FS() fs.FS {
	root, err := fs.Sub(dist, "dist")
	if err != nil { // only an invalid constant could do this
		panic(fmt.Sprintf("open the embedded web client: %v", err))
	}
	return root
}
