package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/app"
)

// TestWhichRolesMayRunTogether: an embedded part works in one process only, and roles
// of other processes are found through the registry only.
func TestWhichRolesMayRunTogether(t *testing.T) {
	for name, c := range map[string]struct {
		roles    string
		driver   string
		registry bool
		want     []string // of the refusal; none: it may run
	}{
		"everything, embedded":                      {"all", app.DriverLog, false, nil},
		"everything, on Kafka":                      {"all", app.DriverKafka, false, nil},
		"everything but the chores":                 {"repo,logic,message,fanout,gateway", app.DriverLog, false, nil},
		"one role, found by nobody":                 {"gateway", app.DriverKafka, false, []string{"role repo", "registry.endpoints"}},
		"one role, found by others":                 {"gateway", app.DriverKafka, true, nil},
		"two roles of a pipeline that they share":   {"message,fanout", app.DriverKafka, true, nil},
		"one end of an embedded pipeline":           {"message", app.DriverLog, true, []string{"mq.driver", "role logic"}},
		"storage has nothing to do with the queue":  {"repo", app.DriverLog, true, nil},
		"the chores alone":                          {"janitor", app.DriverKafka, true, nil},
		"everything but the feed":                   {"repo,logic,message,fanout,janitor,gateway", app.DriverLog, false, nil},
		"the feed alone":                            {"feed", app.DriverRedisStream, true, nil},
		"the feed of an embedded queue elsewhere":   {"feed", app.DriverLog, true, []string{"mq.driver"}},
		"the chores of an embedded queue elsewhere": {"janitor", app.DriverLog, true, []string{"mq.driver"}},
	} {
		t.Run(name, func(t *testing.T) {
			names, err := app.ParseRoles([]string{c.roles})
			require.NoError(t, err)
			cfg := app.DefaultConfig()
			cfg.MQ.Driver = c.driver
			cfg.Auth.Keys, cfg.Auth.ActiveKey = map[string]string{"k1": strings.Repeat("k", 32)}, "k1"
			cfg.KV.Addrs = []string{"127.0.0.1:6379"}
			if c.registry {
				cfg.Registry.Endpoints = []string{"127.0.0.1:2379"}
			}
			err = app.CheckRoles(names, cfg)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			for _, w := range c.want {
				assert.Contains(t, err.Error(), w)
			}
		})
	}
}

// TestRolesNeedWhatTheyShare: a process without all roles needs the keys and servers that the replicas of its roles
// share; a process with all roles makes its own.
func TestRolesNeedWhatTheyShare(t *testing.T) {
	for roles, want := range map[string]string{"all": "", "logic": "GOCHAT_AUTH_KEYS", "repo": "GOCHAT_KV_ADDRS", "message": ""} {
		names, err := app.ParseRoles([]string{roles})
		require.NoError(t, err)
		cfg := app.DefaultConfig()
		cfg.MQ.Driver, cfg.Registry.Endpoints = app.DriverKafka, []string{"127.0.0.1:2379"}
		if err = app.CheckRoles(names, cfg); want == "" {
			require.NoError(t, err, roles)
		} else {
			require.ErrorContains(t, err, want, roles)
		}
	}
}

func TestRolesStartInOneOrder(t *testing.T) {
	names, err := app.ParseRoles([]string{"gateway,repo,message"})
	require.NoError(t, err)
	assert.Equal(t, "repo,message,gateway", strings.Join(names, ","))
	_, err = app.ParseRoles([]string{"gateway,nonsense"})
	require.ErrorContains(t, err, "nonsense")
}
