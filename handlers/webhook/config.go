package webhook

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"time"
)

// Config says who is told of stored messages, and how.
type Config struct {
	// Hooks are the receivers: name → URL. A name is 1 to 32 of a-z, 0-9, _ and -; the
	// cursors are stored by name, so that the URL may change. In the environment:
	// name=url, several with commas between them. URLs may hold keys of the receiver,
	// so they are not shown.
	Hooks map[string]string `mapstructure:"hooks" secret:"true"`
	// Secrets sign what a hook is sent, by its name: at least 32 bytes each.
	Secrets map[string]string `mapstructure:"secrets" secret:"true"`
	// OldSecrets sign what a hook is sent besides Secrets, while receivers move to a new secret.
	OldSecrets map[string]string `mapstructure:"old_secrets" secret:"true"`
	// FromStart names hooks that begin with all stored messages. Other hooks begin with the messages of the
	// last minute before their first start. A hook that has begun before ignores FromStart; "gochat webhook
	// replay" sends it earlier messages again.
	FromStart []string `mapstructure:"from_start"`
	// InFlight is how many conversations a process sends to one receiver at a time.
	InFlight int `mapstructure:"in_flight"`
	// Batch and BatchBytes bound one request: the number of its messages, and the bytes of their contents. A
	// single message may exceed BatchBytes.
	Batch      int `mapstructure:"batch"`
	BatchBytes int `mapstructure:"batch_bytes"`
	// Timeout is how long a receiver may take to answer a request.
	Timeout time.Duration `mapstructure:"timeout"`
	// Backoff is the pause after the first failure. It doubles up to BackoffMax; a random part of it, at most
	// half, is left out.
	Backoff    time.Duration `mapstructure:"backoff"`
	BackoffMax time.Duration `mapstructure:"backoff_max"`
	// ScanInterval is the longest pause between two scans of all conversations for messages of which no stored
	// event came.
	ScanInterval time.Duration `mapstructure:"scan_interval"`
	// AllowHTTP allows receivers without TLS beyond this machine: whoever is on the way
	// reads what people wrote.
	AllowHTTP bool `mapstructure:"allow_http"`
}

// DefaultConfig has no hooks.
func DefaultConfig() Config {
	return Config{
		Hooks: map[string]string{}, Secrets: map[string]string{}, OldSecrets: map[string]string{},
		InFlight: 8, Batch: 100, BatchBytes: 512 << 10, Timeout: 10 * time.Second,
		Backoff: time.Second, BackoffMax: 5 * time.Minute, ScanInterval: 5 * time.Minute,
	}
}

const (
	secretMin = 32
	nameMax   = 32
)

// Validate says what is wrong; each sentence names its setting.
func (c Config) Validate() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(c.InFlight >= 1 && c.InFlight <= 256, "webhook.in_flight %d: must be 1 to 256", c.InFlight)
	must(c.Batch >= 1 && c.Batch <= 1000, "webhook.batch %d: must be 1 to 1000", c.Batch)
	must(c.BatchBytes >= 1 && c.BatchBytes <= 16<<20, "webhook.batch_bytes %d: must be 1 to 16 MiB", c.BatchBytes)
	must(c.Timeout >= time.Millisecond && c.Timeout <= 5*time.Minute, "webhook.timeout %v: must be 1ms to 5m", c.Timeout)
	must(c.Backoff >= time.Millisecond && c.Backoff <= c.BackoffMax, "webhook.backoff %v: must be at least 1ms, and no more than webhook.backoff_max", c.Backoff)
	must(c.BackoffMax <= 24*time.Hour, "webhook.backoff_max %v: must be at most 24h", c.BackoffMax)
	must(c.ScanInterval >= time.Second, "webhook.scan_interval %v: must be at least 1s", c.ScanInterval)
	for _, name := range c.Names() {
		must(validName(name), "webhook.hooks: the name %q must be 1 to 32 of a-z, 0-9, _ and -", name)
		errs = append(errs, c.checkURL(name))
		must(len(c.Secrets[name]) >= secretMin, "webhook.secrets: hook %s needs a secret of at least 32 bytes "+
			"(GOCHAT_WEBHOOK_SECRETS=%s=…; \"openssl rand -hex 32\" makes one)", name, name)
		old, has := c.OldSecrets[name]
		must(!has || len(old) >= secretMin, "webhook.old_secrets: the secret of hook %s must have at least 32 bytes", name)
	}
	errs = append(errs, c.checkUnknownHooks())
	return errors.Join(errs...)
}

// checkUnknownHooks finds settings of hooks that are not configured: mistakes in a name.
func (c Config) checkUnknownHooks() error {
	var errs []error
	look := func(setting, name string) {
		if _, there := c.Hooks[name]; !there {
			errs = append(errs, fmt.Errorf("%s: webhook.hooks has no hook %q", setting, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		look("webhook.secrets", name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.OldSecrets)) {
		look("webhook.old_secrets", name)
	}
	for _, name := range c.FromStart {
		look("webhook.from_start", name)
	}
	return errors.Join(errs...)
}

// checkURL never repeats the URL, which may hold a key.
func (c Config) checkURL(name string) error {
	u, err := url.Parse(c.Hooks[name])
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("webhook.hooks: the URL of %s is not of the form https://host/path", name)
	case u.User != nil:
		return fmt.Errorf("webhook.hooks: the URL of %s has a user or a password in it; receivers know GoChat by its signature", name)
	case u.Fragment != "":
		return fmt.Errorf("webhook.hooks: the URL of %s has a # in it, which is never sent", name)
	case u.Scheme == "https", u.Scheme == "http" && (c.AllowHTTP || loopback(u.Hostname())):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("webhook.hooks: %s would be sent to %s in the clear; use https, or set webhook.allow_http", name, u.Host)
	}
	return fmt.Errorf("webhook.hooks: the URL of %s must begin with https://", name)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func validName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return len(name) >= 1 && len(name) <= nameMax
}

// Names are the hooks' names, sorted.
func (c Config) Names() []string { return slices.Sorted(maps.Keys(c.Hooks)) }

// Host is where a hook is, without what may be secret in its URL.
func (c Config) Host(name string) string {
	u, err := url.Parse(c.Hooks[name])
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// secrets of a hook, the present one first.
func (c Config) secrets(name string) []string {
	out := []string{c.Secrets[name]}
	if old := c.OldSecrets[name]; old != "" {
		out = append(out, old)
	}
	return out
}
