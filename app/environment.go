package app

import (
	"fmt"
	"regexp"
)

var environmentName = regexp.MustCompile(`^[a-z0-9-]{0,32}$`)

// checkEnvironment checks that the environment can be a part of names at etcd, Kafka, Redis and Redis streams.
func (c *Config) checkEnvironment() error {
	if environmentName.MatchString(c.Environment) {
		return nil
	}
	return fmt.Errorf("environment %q: must be empty, or 1 to 32 lower-case letters, digits and hyphens", c.Environment)
}

// nameEnvironment copies the environment to the settings of all parts that have names at servers.
func (c *Config) nameEnvironment() {
	c.Registry.Environment = c.Environment
	c.KV.Environment = c.Environment
	c.MQ.Kafka.Environment = c.Environment
	c.MQ.RedisStream.Environment = c.Environment
}
