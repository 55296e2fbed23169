// Package retention takes away what was kept long enough: the content of messages, poisoned records, and the
// last failures of webhooks' receivers. One process does it for all.
package retention

import (
	"errors"
	"fmt"
	"time"
)

// Config says how long messages and records are kept, where 0 is for ever, and how they are taken away.
type Config struct {
	// Single, Group and World are for messages of that kind of conversation, counted from when a gateway
	// accepted the message. A conversation may have a retention of its own instead.
	Single time.Duration `mapstructure:"single"`
	Group  time.Duration `mapstructure:"group"`
	World  time.Duration `mapstructure:"world"`
	// Poison is for poisoned records that nobody wants back.
	Poison time.Duration `mapstructure:"poison"`
	// WebhookAttempts is for the last failure of each receiver.
	WebhookAttempts time.Duration `mapstructure:"webhook_attempts"`

	// Interval is between two rounds. A round goes on until nothing is due.
	Interval time.Duration `mapstructure:"interval"`
	// Batch is how many messages or records one transaction changes.
	Batch int `mapstructure:"batch"`
	// Pause is between two batches, so that other writers get their turn.
	Pause time.Duration `mapstructure:"pause"`
	// Timeout bounds one batch.
	Timeout time.Duration `mapstructure:"timeout"`
}

// MaxBatch bounds Batch: a transaction locks what it changes.
const MaxBatch = 10_000

// DefaultConfig keeps everything for ever.
func DefaultConfig() Config {
	return Config{Interval: time.Minute, Batch: 500, Pause: 50 * time.Millisecond, Timeout: 20 * time.Second}
}

// Validate says what is wrong, naming the setting.
func (c Config) Validate() error {
	var errs []error
	for _, one := range []struct {
		name string
		kept time.Duration
	}{{"single", c.Single}, {"group", c.Group}, {"world", c.World}, {"poison", c.Poison}, {"webhook_attempts", c.WebhookAttempts}} {
		if one.kept < 0 || one.kept > 0 && one.kept < time.Second {
			errs = append(errs, fmt.Errorf("retention.%s %v: must be 0 (for ever) or at least 1s", one.name, one.kept))
		}
	}
	if c.Interval <= 0 || c.Pause < 0 || c.Timeout <= 0 || c.Batch < 1 || c.Batch > MaxBatch {
		errs = append(errs, fmt.Errorf("retention: interval %v and timeout %v must be more than 0, pause %v not less, batch %d 1 to %d",
			c.Interval, c.Timeout, c.Pause, c.Batch, MaxBatch))
	}
	return errors.Join(errs...)
}
