package app_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers/auth"
)

// The code of docs/embedding.md, with what that page leaves to the program.

// ErrNoSession is what the program's sessions return for a token that they do not know.
var ErrNoSession = errors.New("there is no such session")

// Sessions are the program's own.
type Sessions struct{ known map[string]Session }

// Session is one of the program's own users, signed in.
type Session struct {
	ID          string
	ChatUser    int64
	Begun, Ends time.Time
}

// Find returns the session that a token is of.
func (s *Sessions) Find(_ context.Context, token string) (Session, error) {
	found, known := s.known[token]
	if !known {
		return Session{}, ErrNoSession
	}
	return found, nil
}

type bySession struct{ sessions *Sessions } // yours

func (v bySession) Verify(ctx context.Context, token string) (auth.Identity, error) {
	s, err := v.sessions.Find(ctx, token)
	switch {
	case errors.Is(err, ErrNoSession):
		return auth.Identity{}, err // the client gets unauthenticated
	case err != nil: // yours cannot say now: the client tries again
		return auth.Identity{}, contracts.NewError(contracts.CodeUnavailable, "").WithCause(err)
	}
	return auth.Identity{User: contracts.UserID(s.ChatUser), TokenID: s.ID, Issued: s.Begun, Expires: s.Ends}, nil
}

func serveChat(ctx context.Context, dir string, mine *zap.Logger) error {
	cfg := app.DefaultConfig()
	cfg.DataDir, cfg.Gateway.Listen = dir, "127.0.0.1:0"
	chat, err := app.New(cfg, app.WithLogger(mine))
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- chat.Run(ctx) }()
	select {
	case <-chat.Ready(): // the gateway takes connections at chat.Addr(), or chat.URL()
	case err := <-ended: // it did not start; the error says why
		return err
	}
	return <-ended
}

// A program that is told to end while it starts gets the reason from Run.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "gochat")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, stop := context.WithCancel(context.Background())
	stop()
	fmt.Println("it was told to end:", errors.Is(serveChat(ctx, dir, zap.NewNop()), context.Canceled))
	// Output:
	// it was told to end: true
}

// A program whose own sessions say who somebody is.
func ExampleWithVerifier() {
	verifier := bySession{&Sessions{known: map[string]Session{"token": {ID: "1", ChatUser: 7, Begun: time.Now(), Ends: time.Now().Add(time.Hour)}}}}
	_, err := app.New(app.DefaultConfig(), app.WithVerifier(verifier))
	fmt.Println("it is set up:", err)
	for _, token := range []string{"token", "another"} {
		who, err := verifier.Verify(context.Background(), token)
		fmt.Println(token, "is of user", who.User, err)
	}
	// Output:
	// it is set up: <nil>
	// token is of user 7 <nil>
	// another is of user 0 there is no such session
}
