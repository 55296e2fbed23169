package app_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"go.uber.org/zap"

	"github.com/gochat/gochat/app"
)

// A program runs all of GoChat, on a port that the system chooses, until it has seen enough.
func Example() {
	dir, err := os.MkdirTemp("", "gochat")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cfg := app.DefaultConfig()
	cfg.DataDir, cfg.Gateway.Listen = dir, "127.0.0.1:0"
	chat, err := app.New(cfg, app.WithLogger(zap.NewNop()))
	if err != nil {
		log.Fatal(err)
	}

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- chat.Run(ctx) }()
	select {
	case <-chat.Ready():
	case err := <-ended:
		log.Fatal(err)
	}

	resp, err := http.Get(chat.URL() + "/healthz")
	if err != nil {
		log.Fatal(err)
	}
	_ = resp.Body.Close()
	fmt.Println("it answers:", resp.Status)

	stop()
	fmt.Println("it ended:", <-ended)
	// Output:
	// it answers: 200 OK
	// it ended: <nil>
}
