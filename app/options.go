package app

import (
	"go.uber.org/zap"

	"github.com/gochat/gochat/handlers/auth"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/repo/cache"
)

// Option configures an App that is made by New.
type Option func(*App)

// WithRoles runs only the named roles, such as [RoleGateway]; the default is all. The other roles have to run in
// other processes, which are found through registry.endpoints.
func WithRoles(names ...string) Option {
	return func(a *App) { a.asked = names }
}

// WithLogger makes GoChat log to log. A line has to pass both log.level and the sampling of the settings, and the
// logger's own filters. The settings of format, file and rotation are ignored.
func WithLogger(log *zap.Logger) Option {
	return func(a *App) { a.given = log }
}

// WithTransport makes t the message queue between the roles, instead of that of mq.driver. The transport has to
// keep the contract of mq.Transport, which the suite of package mqtest checks, and has to connect all processes
// whose roles use the queue. Run closes t when it stops.
//
// A transport may have methods for operations: Health(context.Context) error is the check of the dependency
// "queue", Lag(context.Context, ...mq.Reader) (map[mq.Reader]uint64, error) fills the metric gochat_queue_lag, and
// without Topics(context.Context) ([]string, error) the topics of dead gateways are not deleted.
func WithTransport(t mq.Transport) Option {
	return func(a *App) { a.cfg.MQ.given = t }
}

// WithCache makes the role repo use kept as its cache and sessions as its session registry, instead of those of
// kv.addrs. Both have to keep the contract of package cache, which the suite of package cachetest checks. Run does
// not close them. If kept has a method Health(context.Context) error, that is the check of the dependency "cache".
func WithCache(kept cache.Cache, sessions cache.Sessions) Option {
	return func(a *App) { a.cfg.Cache, a.cfg.Sessions = kept, sessions }
}

// WithVerifier makes v find the user of a token. GoChat still checks that the token is not revoked and that its
// user has an account. See [auth.Verifier] for the tokens that GoChat issues itself.
func WithVerifier(v auth.Verifier) Option {
	return func(a *App) { a.verifier = v }
}
