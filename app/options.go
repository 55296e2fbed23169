package app

import (
	"go.uber.org/zap"

	"github.com/gochat/gochat/handlers/auth"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/repo/cache"
)

// Option gives an App a part of the program's own, or says which of its parts run.
type Option func(*App)

// WithRoles runs some roles instead of all, such as [RoleGateway]. Those that are not in this process have to be in
// others, which are found through registry.endpoints.
func WithRoles(names ...string) Option {
	return func(a *App) { a.asked = names }
}

// WithLogger has everything logged by the program's own logger. Of the settings log.level and those of sampling
// hold beside what the logger lets through by itself; format, file and rotation are the logger's.
func WithLogger(log *zap.Logger) Option {
	return func(a *App) { a.given = log }
}

// WithTransport puts a message queue of the program's own between the roles; mq.driver is not looked at. The
// transport has to keep what mq.Transport promises, which package mqtest finds out, and to reach every process
// that has another end of it. Run closes it when it stops.
//
// A transport may also tell operators what GoChat's own do: Health(context.Context) error becomes the
// dependency "queue", Lag(context.Context, ...mq.Reader) (map[mq.Reader]uint64, error) the metric
// gochat_queue_lag, and with Topics(context.Context) ([]string, error) the topics of dead gateways are deleted.
func WithTransport(t mq.Transport) Option {
	return func(a *App) { a.cfg.MQ.given = t }
}

// WithCache has the role repo keep what it remembers of the database, and who is connected, in parts of the
// program's own; kv.addrs is not looked at. Package cachetest finds out whether they keep the contract of package
// cache. They are the program's to close after Run. A cache with Health(context.Context) error is the
// dependency "cache".
func WithCache(kept cache.Cache, sessions cache.Sessions) Option {
	return func(a *App) { a.cfg.Cache, a.cfg.Sessions = kept, sessions }
}

// WithVerifier has the program tell whose a token is. GoChat still asks whether a token was revoked and whether
// its user has an account. See [auth.Verifier] for the tokens that GoChat issues itself.
func WithVerifier(v auth.Verifier) Option {
	return func(a *App) { a.verifier = v }
}
