package handlers_test

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/handlers"
)

// A pipeline is stages around each other. One that only has work to do before the rest is made by Before; one that
// wants to see how the rest ends is a function of it.
func ExampleStage() {
	count := handlers.Before(func(_ context.Context, env *handlers.Envelope) error {
		fmt.Println("a run of", len(env.Items))
		return nil
	})
	watch := handlers.Stage(func(next handlers.Handler) handlers.Handler {
		return func(ctx context.Context, env *handlers.Envelope) error {
			err := next(ctx, env)
			fmt.Println("it ended:", err)
			return err
		}
	})
	store := func(context.Context, *handlers.Envelope) error {
		fmt.Println("stored")
		return nil
	}

	pipeline := watch(count(store))
	if err := pipeline(context.Background(), &handlers.Envelope{Items: []*handlers.Item{{}, {}}}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// a run of 2
	// stored
	// it ended: <nil>
}
