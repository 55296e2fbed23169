// Command registry serves a registry of images in memory, to try a release: registry 127.0.0.1:5000.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: registry HOST:PORT")
		os.Exit(2)
	}
	s := &http.Server{Addr: os.Args[1], Handler: registry.New(), ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, "registry:", s.ListenAndServe())
	os.Exit(1)
}
