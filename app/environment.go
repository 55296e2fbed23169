package app

import (
	"fmt"
	"regexp"
)

var environmentName = regexp.MustCompile(`^[a-z0-9-]{0,32}$`)

// checkEnvironment looks at a name that goes into names of four kinds of servers.
func (c *Config) checkEnvironment() error {
	if environmentName.MatchString(c.Environment) {
		return nil
	}
	return fmt.Errorf("environment %q: must be empty, or 1 to 32 lower-case letters, digits and hyphens", c.Environment)
}

// nameEnvironment hands the environment to all that have names at servers.
func (c *Config) nameEnvironment() {
	c.Registry.Environment = c.Environment
	c.KV.Environment = c.Environment
	c.MQ.Kafka.Environment = c.Environment
	c.MQ.RedisStream.Environment = c.Environment
}
