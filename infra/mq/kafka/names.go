package kafka

import (
	"strings"

	"github.com/gochat/gochat/infra/mq"
)

// environmentEnd follows the environment in a name. It is in no environment's name, so that
// no two of them begin alike.
const environmentEnd = "."

// named is what the brokers know a topic, a group or a client by.
func (c Config) named(name string) string {
	if c.Environment == "" {
		return name
	}
	return c.Environment + environmentEnd + name
}

// unnamed is the other way round. ours: the name is of this environment, as far as can be
// seen: without an environment all names are.
func (c Config) unnamed(name string) (_ string, ours bool) {
	if c.Environment == "" {
		return name, true
	}
	return strings.CutPrefix(name, c.Environment+environmentEnd)
}

// bound gives messages the names of their topics at the brokers.
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
