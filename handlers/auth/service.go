// Package auth makes accounts and tokens: register, login, logout, and the
// check of a token that stands before every other call.
package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Accounts stores accounts.
type Accounts interface {
	CreateUser(ctx context.Context, in *pb.CreateUserRequest) (*pb.CreateUserResponse, error)
	GetCredentials(ctx context.Context, in *pb.GetCredentialsRequest) (*pb.GetCredentialsResponse, error)
}

// Revocations remembers the tokens that are refused before they expire.
type Revocations interface {
	RevokeToken(ctx context.Context, in *pb.RevokeTokenRequest) (*pb.RevokeTokenResponse, error)
	IsTokenRevoked(ctx context.Context, in *pb.IsTokenRevokedRequest) (*pb.IsTokenRevokedResponse, error)
	SignOut(ctx context.Context, in *pb.SignOutRequest) (*pb.SignOutResponse, error)
	CheckTokens(ctx context.Context, in *pb.CheckTokensRequest) (*pb.CheckTokensResponse, error)
}

// Devices knows which devices are revoked. CheckDevice also says whether the token is revoked, and notes that
// the device uses it.
type Devices interface {
	CheckDevice(ctx context.Context, in *pb.CheckDeviceRequest) (*pb.CheckDeviceResponse, error)
}

// Config configures the service. Zero values are replaced by DefaultConfig's,
// except the keys, which have no default.
type Config struct {
	// Keys are the secrets that sign tokens, by key id; each has at least 32
	// bytes. All of them are accepted, so that a key can be rotated: add the new
	// one everywhere, make it active, remove the old one after TokenTTL. Key ids
	// are lower case, as configuration files do not tell case.
	Keys map[string]string `mapstructure:"keys" secret:"true"`
	// ActiveKey is the id of the key that signs new tokens.
	ActiveKey string `mapstructure:"active_key"`
	// TokenTTL is how long a token is valid; whole seconds.
	TokenTTL time.Duration `mapstructure:"token_ttl"`
	// BcryptCost is the cost of new password hashes, 4 to 16; each step doubles
	// the time of a login.
	BcryptCost int `mapstructure:"bcrypt_cost"`
	// HashWorkers is how many passwords are hashed at the same time.
	HashWorkers int `mapstructure:"hash_workers"`
	// HashQueue is how many more may wait; beyond it the answer is unavailable.
	HashQueue int `mapstructure:"hash_queue"`
	// LoginAttempts is how many wrong passwords for one account one address may send at once. They become
	// available again one by one, all of them within LoginWindow.
	LoginAttempts int           `mapstructure:"login_attempts"`
	LoginWindow   time.Duration `mapstructure:"login_window"`
	// AccountAttempts is how many wrong passwords for one account all unknown addresses together may send at
	// once; they become available again within AccountWindow. An address that has logged in to the account
	// within KnownFor is known and not counted here, so that a guesser elsewhere does not keep the owner out.
	AccountAttempts int           `mapstructure:"account_attempts"`
	AccountWindow   time.Duration `mapstructure:"account_window"`
	// KnownFor is how long it is remembered that an address has logged in to an account.
	KnownFor time.Duration `mapstructure:"known_for"`
	// NotifyTimeout bounds the notification of sockets.
	NotifyTimeout time.Duration `mapstructure:"notify_timeout"`
	// Limits are the contract's limits, which several services share.
	Limits contracts.Limits `mapstructure:"-"`
}

// longest bounds LoginWindow, AccountWindow and KnownFor.
const longest = 366 * 24 * time.Hour

// DefaultConfig returns the defaults; it has no keys.
func DefaultConfig() Config { return Config{}.withDefaults() }

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.BcryptCost, 10)
	def(&c.HashWorkers, runtime.GOMAXPROCS(0))
	def(&c.HashQueue, 64*c.HashWorkers)
	def(&c.LoginAttempts, 10)
	def(&c.AccountAttempts, 300)
	c.LoginWindow = cmp.Or(c.LoginWindow, 5*time.Minute)
	c.AccountWindow = cmp.Or(c.AccountWindow, time.Hour)
	c.KnownFor = cmp.Or(c.KnownFor, 30*24*time.Hour)
	c.TokenTTL = cmp.Or(c.TokenTTL, 7*24*time.Hour)
	c.NotifyTimeout = cmp.Or(c.NotifyTimeout, 2*time.Second)
	if c.Limits == (contracts.Limits{}) {
		c.Limits = contracts.DefaultLimits()
	}
	return c
}

// Validate says what is wrong, naming the setting. Whether there are keys at all is left to New.
func (c Config) Validate() error {
	positive := []struct {
		name  string
		value int64
	}{
		{"hash_workers", int64(c.HashWorkers)}, {"hash_queue", int64(c.HashQueue)},
		{"login_attempts", int64(c.LoginAttempts)}, {"account_attempts", int64(c.AccountAttempts)}, {"notify_timeout", int64(c.NotifyTimeout)},
	}
	for _, p := range positive {
		if p.value < 1 {
			return fmt.Errorf("auth.%s is %d: it must be positive", p.name, p.value)
		}
	}
	for name, d := range map[string]time.Duration{"login_window": c.LoginWindow, "account_window": c.AccountWindow, "known_for": c.KnownFor} {
		if d < time.Second || d > longest {
			return fmt.Errorf("auth.%s is %s: it must be a second to a year", name, d)
		}
	}
	if c.TokenTTL < time.Second {
		return fmt.Errorf("auth.token_ttl is %s: it must be at least 1s", c.TokenTTL)
	}
	if c.TokenTTL%time.Second != 0 { // the token says its end in seconds
		return fmt.Errorf("auth.token_ttl is %s: it must be whole seconds", c.TokenTTL)
	}
	// bcrypt reads no more: a longer password would be cut without a word.
	if c.Limits.PasswordMax > bcryptMax || c.Limits.PasswordMin < 1 {
		return fmt.Errorf("limits.password_min and limits.password_max are %d and %d bytes: they must be within 1 to %d",
			c.Limits.PasswordMin, c.Limits.PasswordMax, bcryptMax)
	}
	// With such limits no value is valid: nobody could register, and the start would not say why.
	if l := c.Limits; l.PasswordMin > l.PasswordMax || l.UsernameMin < 1 || l.UsernameMin > l.UsernameMax || l.NicknameMax < 1 {
		return fmt.Errorf("limits.password_*, limits.username_* and limits.nickname_max take passwords of %d to %d bytes, names of %d to %d and nicknames of 1 to %d characters: "+
			"each must take something",
			l.PasswordMin, l.PasswordMax, l.UsernameMin, l.UsernameMax, l.NicknameMax)
	}
	if len(c.Keys) == 0 {
		return nil
	}
	_, err := newKeyring(c.Keys, c.ActiveKey, c.TokenTTL)
	return err
}

// Deps is what the service works with. Hasher may be nil: bcrypt at
// Config.BcryptCost. Limits may be nil: wrong passwords are counted by this process
// alone. Verifier may be nil: the tokens are those that the service issues.
type Deps struct {
	Accounts    Accounts
	Revocations Revocations
	Devices     Devices
	Notifier    handlers.Notifier
	IDs         handlers.IDs
	Hasher      Hasher
	Limits      Limits
	Verifier    Verifier
}

// Service implements pb.AuthServiceServer. Its errors are *contracts.Error. It
// is safe for concurrent use.
type Service struct {
	pb.UnimplementedAuthServiceServer
	rules    atomic.Pointer[rules]
	deps     Deps
	pool     *hashPool
	throttle *throttle
	// dummy is compared with when there is no such account, so that a wrong
	// name takes as long as a wrong password.
	dummy string
}

var _ pb.AuthServiceServer = (*Service)(nil)

// New returns the service. It hashes one password, which takes as long as a
// login.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure auth: %w", err)
	}
	if deps.Accounts == nil || deps.Revocations == nil || deps.Devices == nil || deps.Notifier == nil || deps.IDs == nil {
		return nil, errors.New("configure auth: a dependency is missing")
	}
	if deps.Hasher == nil {
		hasher, err := NewBcrypt(cfg.BcryptCost)
		if err != nil {
			return nil, fmt.Errorf("configure auth: %w", err)
		}
		deps.Hasher = hasher
	}
	throttle, err := newThrottle(cfg, deps.Limits)
	if err != nil {
		return nil, fmt.Errorf("configure auth: %w", err)
	}
	dummy, err := deps.Hasher.Hash(rand.Text())
	if err != nil {
		return nil, fmt.Errorf("configure auth: make the stand-in hash: %w", err)
	}
	s := &Service{deps: deps, throttle: throttle, dummy: dummy}
	if err := s.Configure(cfg); err != nil {
		return nil, err
	}
	s.pool = newHashPool(cfg.HashWorkers, cfg.HashQueue)
	return s, nil
}

// rules is the part of the configuration that may change while the service runs. A value never changes;
// Configure replaces it as a whole.
type rules struct {
	keys          *keyring
	forms         forms
	notifyTimeout time.Duration
}

// Configure replaces the configuration for all later calls: keys, limits, attempts and times, but not how
// passwords are hashed. An error changes nothing.
func (s *Service) Configure(cfg Config) error {
	cfg = cfg.withDefaults()
	keys, err := newKeyring(cfg.Keys, cfg.ActiveKey, cfg.TokenTTL)
	if err != nil {
		return fmt.Errorf("configure auth: %w", err)
	}
	s.throttle.configure(cfg)
	s.rules.Store(&rules{keys: keys, forms: newForms(cfg.Limits), notifyTimeout: cfg.NotifyTimeout})
	return nil
}
