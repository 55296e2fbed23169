package kafka

import (
	"strings"

	"github.com/gochat/gochat/infra/mq"
)

// environmentEnd follows the environment in a name. No environment has it in its own name, so that no
// environment's names begin like another's.
const environmentEnd = "."

// named is the name of a topic, a group or a client at the brokers.
func (c Config) named(name string) string {
	if c.Environment == "" {
		return name
	}
	return c.Environment + environmentEnd + name
}

// unnamed takes the environment off a name at the brokers. ours: the name is of this environment; without an
// environment all names are.
func (c Config) unnamed(name string) (_ string, ours bool) {
	if c.Environment == "" {
		return name, true
	}
	return strings.CutPrefix(name, c.Environment+environmentEnd)
}

// bound returns messages with the names that their topics have at the brokers.
func (c Config) bound(out []mq.Outbound) []mq.Outbound {
	if c.Environment == "" {
		return out
	}
	named := make([]mq.Outbound, len(out))
	for i, o := range out {
		named[i] = mq.Outbound{Topic: c.named(o.Topic), Message: o.Message}
	}
	return named
}
