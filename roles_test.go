package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhichRolesMayRunTogether: a part that is embedded is in one process, and
// one that is elsewhere is found through the registry.
func TestWhichRolesMayRunTogether(t *testing.T) {
	for name, c := range map[string]struct {
		roles    string
		driver   string
		registry bool
		want     []string // of the refusal; none: it may run
	}{
		"everything, embedded":                      {"all", driverLog, false, nil},
		"everything, on Kafka":                      {"all", driverKafka, false, nil},
		"everything but the chores":                 {"repo,logic,message,fanout,gateway", driverLog, false, nil},
		"one role, found by nobody":                 {"gateway", driverKafka, false, []string{"role repo", "registry.endpoints"}},
		"one role, found by others":                 {"gateway", driverKafka, true, nil},
		"two roles of a pipeline that they share":   {"message,fanout", driverKafka, true, nil},
		"one end of an embedded pipeline":           {"message", driverLog, true, []string{"mq.driver", "role logic"}},
		"storage has nothing to do with the queue":  {"repo", driverLog, true, nil},
		"the chores alone":                          {"janitor", driverKafka, true, nil},
		"everything but the feed":                   {"repo,logic,message,fanout,janitor,gateway", driverLog, false, nil},
		"the feed alone":                            {"feed", driverRedisStream, true, nil},
		"the feed of an embedded queue elsewhere":   {"feed", driverLog, true, []string{"mq.driver"}},
		"the chores of an embedded queue elsewhere": {"janitor", driverLog, true, []string{"mq.driver"}},
	} {
		t.Run(name, func(t *testing.T) {
			names, err := parseRoles([]string{c.roles})
			require.NoError(t, err)
			cfg := defaultConfig()
			cfg.MQ.Driver = c.driver
			if c.registry {
				cfg.Registry.Endpoints = []string{"127.0.0.1:2379"}
			}
			err = checkRoles(names, cfg)
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

func TestRolesStartInOneOrder(t *testing.T) {
	names, err := parseRoles([]string{"gateway,repo,message"})
	require.NoError(t, err)
	assert.Equal(t, "repo,message,gateway", strings.Join(names, ","))
	_, err = parseRoles([]string{"gateway,nonsense"})
	require.ErrorContains(t, err, "nonsense")
}
