package powerloss

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gochat/gochat/tests/client"
)

const (
	// clerkPause is the pause between two turns, so that the clerk leaves most of the server to the talkers.
	clerkPause = 100 * time.Millisecond
	// clerkCall bounds one turn of the clerk: the server may die meanwhile.
	clerkCall = 10 * time.Second
	// checkedAgain is how many facts that were checked before are checked again after each loss.
	checkedAgain = 5
)

// fact is a confirmed change. hold asks the server whether it is still in force.
type fact struct {
	what string
	hold func(ctx context.Context) error
}

// clerk makes accounts, logs out tokens and makes groups, and notes each change that the server has confirmed.
type clerk struct {
	web *client.Server

	mu      sync.Mutex
	facts   []fact
	checked int // the first so many facts were checked at least once
}

// work makes changes until ctx is done. A call that fails proves nothing, and is not noted.
func (c *clerk) work(ctx context.Context) {
	var last *client.Account
	for n := 0; ctx.Err() == nil; n++ {
		if a, err := c.turn(ctx, n, last); err == nil {
			last = a
		}
		select {
		case <-time.After(clerkPause):
		case <-ctx.Done():
		}
	}
}

func (c *clerk) turn(ctx context.Context, n int, last *client.Account) (*client.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, clerkCall)
	defer cancel()
	a, err := c.web.Register(ctx, fmt.Sprintf("customer%05d", n), "a password")
	if err != nil {
		return nil, err
	}
	c.note("the account "+a.Name, func(ctx context.Context) error {
		if err := a.Call(ctx, http.MethodGet, "/api/users/me", nil, nil); err != nil {
			return err
		}
		_, err := login(ctx, a)
		return err
	})
	token, err := login(ctx, a)
	if err != nil {
		return a, err
	}
	if err := c.web.Call(ctx, http.MethodPost, "/api/auth/logout", token, nil, nil); err != nil {
		return a, err
	}
	c.note("the end of a token of "+a.Name, func(ctx context.Context) error {
		err := c.web.Call(ctx, http.MethodGet, "/api/users/me", token, nil, nil)
		var refused *client.Error
		if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
			return nil
		}
		return fmt.Errorf("it is not refused: %w", err)
	})
	if last != nil {
		err = c.gather(ctx, a, last)
	}
	return a, err
}

// gather makes a group of two users.
func (c *clerk) gather(ctx context.Context, owner, member *client.Account) error {
	type group struct {
		GroupID     string
		Name        string
		MemberCount int
	}
	var made group
	err := owner.Call(ctx, http.MethodPost, "/api/groups", map[string]any{"name": "of " + owner.Name, "memberIds": []string{member.UserID}}, &made)
	if err != nil {
		return err
	}
	c.note("the group of "+owner.Name, func(ctx context.Context) error {
		var is group
		if err := member.Call(ctx, http.MethodGet, "/api/groups/"+made.GroupID, nil, &is); err != nil {
			return err
		}
		if is != made {
			return fmt.Errorf("it was %+v and is %+v", made, is)
		}
		return nil
	})
	return nil
}

func login(ctx context.Context, a *client.Account) (token string, err error) {
	var out struct{ Token string }
	err = a.Server.Call(ctx, http.MethodPost, "/api/auth/login", "", map[string]string{"username": a.Name, "password": "a password"}, &out)
	return out.Token, err
}

func (c *clerk) note(what string, hold func(context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.facts = append(c.facts, fact{what, hold})
}

// check asks the server for all new facts and some older ones, and returns those that do not hold.
func (c *clerk) check(ctx context.Context, r *rand.Rand) (wrong []string) {
	c.mu.Lock()
	facts := c.facts[c.checked:len(c.facts):len(c.facts)]
	for range min(checkedAgain, c.checked) {
		facts = append(facts, c.facts[r.IntN(c.checked)])
	}
	c.checked = len(c.facts)
	c.mu.Unlock()
	for _, f := range facts {
		if err := f.hold(ctx); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", f.what, err))
		}
	}
	return wrong
}
