package kv

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKeysOfAnEnvironment: each key begins with the environment's name, in every kind of command, and nothing
// else of a command changes. Unknown commands are not sent.
func TestKeysOfAnEnvironment(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"GET user_info:{1}":                       "GET blue:user_info:{1}",
		"set mark:{a} 1 EX 5":                     "set blue:mark:{a} 1 EX 5",
		"hset user_session:{1} c g":               "hset blue:user_session:{1} c g",
		"zadd gateways 5 gateways":                "zadd blue:gateways 5 gateways",
		"del gateway:{g} gateway_epochs:{g}":      "del blue:gateway:{g} blue:gateway_epochs:{g}",
		"evalsha abc 2 a:{x} b:{x} a:{x} 3":       "evalsha abc 2 blue:a:{x} blue:b:{x} a:{x} 3",
		"eval return 0 a":                         "eval return 0 a",
		"ping":                                    "ping",
		"info server":                             "info server",
		"cluster slots":                           "cluster slots",
		"script load a":                           "script load a",
		"sort list":                               "",
		"scan 0 match *":                          "",
		"publish channel word":                    "",
		"subscribe channel":                       "",
		"eval return":                             "",
		"eval return 2 a":                         "",
		"eval return none a":                      "",
		"rename a b":                              "",
		"xadd stream * a b":                       "",
		"a-command-of-the-future a-key and words": "",
	} {
		words := strings.Fields(command)
		args := make([]any, len(words))
		for i, w := range words {
			args[i] = w
		}
		cmd := redis.NewCmd(t.Context(), args...)
		sent := ""
		hook := apart{"blue:"}
		err := hook.ProcessHook(func(_ context.Context, cmd redis.Cmder) error { sent = text(cmd); return nil })(t.Context(), cmd)
		assert.Equal(t, want, sent, command)
		if want == "" {
			require.ErrorIs(t, err, ErrUnknownCommand, command)
			require.ErrorIs(t, cmd.Err(), ErrUnknownCommand, command)
		} else {
			require.NoError(t, err, command)
		}
	}
	two := []redis.Cmder{redis.NewCmd(t.Context(), "get", "a"), redis.NewCmd(t.Context(), "rename", "a", "b")}
	err := apart{"blue:"}.ProcessPipelineHook(func(context.Context, []redis.Cmder) error { panic("sent") })(t.Context(), two)
	require.ErrorIs(t, err, ErrUnknownCommand)
	require.ErrorIs(t, two[0].Err(), ErrUnknownCommand)
}

func text(cmd redis.Cmder) string {
	words := make([]string, len(cmd.Args()))
	for i, a := range cmd.Args() {
		words[i], _ = a.(string)
	}
	return strings.Join(words, " ")
}

// TestStart: without an environment keys have no start.
func TestStart(t *testing.T) {
	t.Parallel()
	for environment, want := range map[string]string{"": "", "blue": "blue:"} {
		cfg := Config{Environment: environment}
		assert.Equal(t, want, cfg.start())
	}
}

// TestEnvironmentsOnOneServer: a key of one environment does not exist in the other, and the server has both
// keys.
func TestEnvironmentsOnOneServer(t *testing.T) {
	t.Parallel()
	addr := os.Getenv("GOCHAT_TEST_REDIS_ADDR")
	if addr == "" {
		t.Skip("set GOCHAT_TEST_REDIS_ADDR to run it on a real Redis")
	}
	at := func(environment string) *Client {
		cfg := DefaultConfig()
		cfg.Addrs, cfg.Environment = []string{addr}, environment
		c, err := Open(t.Context(), cfg)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, c.Close()) })
		return c
	}
	plain, blue, green := at(""), at("blue"), at("green")
	const key = "test-environments"
	for name, c := range map[string]*Client{"": plain, "blue": blue, "green": green} {
		_, err := c.TxPipelined(t.Context(), func(p redis.Pipeliner) error { p.Set(t.Context(), key, name, 0); return nil })
		require.NoError(t, err)
	}
	assert.Equal(t, "blue", plain.Get(t.Context(), "blue:"+key).Val())
	for name, c := range map[string]*Client{"": plain, "blue": blue, "green": green} {
		assert.Equal(t, name, c.Get(t.Context(), key).Val())
		found, _ := c.Scan(AsWritten(t.Context()), 0, c.Start()+key, 1_000_000).Val()
		assert.Equal(t, []string{c.Start() + key}, found)
		require.NoError(t, c.Del(t.Context(), key).Err())
	}
}
