package app

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/gateway"
	"github.com/gochat/gochat/handlers/auth"
	"github.com/gochat/gochat/handlers/authorize"
	"github.com/gochat/gochat/handlers/conversation"
	"github.com/gochat/gochat/handlers/group"
	"github.com/gochat/gochat/handlers/janitor"
	"github.com/gochat/gochat/handlers/retention"
	"github.com/gochat/gochat/handlers/webhook"
	"github.com/gochat/gochat/infra/conf"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
	"github.com/gochat/gochat/infra/mq/redisstream"
	"github.com/gochat/gochat/infra/obs"
	"github.com/gochat/gochat/infra/registry"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/routers"
)

// EnvPrefix is the prefix of the environment variables that hold settings.
const EnvPrefix = "GOCHAT"

// Config is every setting of every role.
type Config struct {
	// DataDir holds the embedded database, the message log and the secrets.
	DataDir string `mapstructure:"data_dir"`
	// Name is unique to this replica and stays the same over a restart, so that its outboxes
	// fence those that its predecessor left open. A second living process of the same name is
	// refused. Empty: the process takes a free slot, first one whose holder died on this host.
	Name string `mapstructure:"name"`
	// Environment is the prefix of all names at etcd, Kafka and Redis, so that several systems
	// can share these servers. Empty: no prefix. It changes nothing in the data directory and
	// in a SQL database: each system has its own.
	Environment string `mapstructure:"environment"`
	// WorkerID is a part of every id that this process makes, 0 to 1023; two processes with the
	// same one can make the same id. With a registry it is ignored, and one is leased there.
	WorkerID int64 `mapstructure:"worker_id"`

	Gateway struct {
		// Listen is host:port of the HTTP API, the WebSocket and the web client.
		Listen         string `mapstructure:"listen"`
		gateway.Config `mapstructure:",squash"`
	} `mapstructure:"gateway"`
	Limits struct {
		contracts.Limits `mapstructure:",squash"`
		gateway.Rates    `mapstructure:",squash"`
	} `mapstructure:"limits"`

	Auth         auth.Config         `mapstructure:"auth"`
	Conversation conversation.Config `mapstructure:"conversation"`
	Group        group.Config        `mapstructure:"group"`
	Message      authorize.Config    `mapstructure:"message"`
	Router       routers.Config      `mapstructure:"router"`
	Janitor      janitor.Config      `mapstructure:"janitor"`
	Retention    retention.Config    `mapstructure:"retention"`
	Webhook      webhook.Config      `mapstructure:"webhook"`
	repo.Config  `mapstructure:",squash"`
	MQ           MQConfig        `mapstructure:"mq"`
	Registry     registry.Config `mapstructure:"registry"`
	RPC          rpc.Config      `mapstructure:"rpc"`

	Log   obs.LogConfig   `mapstructure:"log"`
	Trace obs.TraceConfig `mapstructure:"trace"`
	Ops   OpsConfig       `mapstructure:"ops"`
	Debug DebugConfig     `mapstructure:"debug"`
}

// MQConfig chooses the message queue between the roles.
type MQConfig struct {
	// Driver is a name of the table in queue_kinds.go: log (embedded, for everything in one process), kafka
	// or redisstream.
	Driver      string             `mapstructure:"driver"`
	Kafka       kafka.Config       `mapstructure:"kafka"`
	RedisStream redisstream.Config `mapstructure:"redisstream"`

	given mq.Transport // of WithTransport; nil: Driver decides
}

// DefaultConfig returns the defaults of all settings: every part is embedded.
func DefaultConfig() *Config {
	c := &Config{
		DataDir: "data",
		Auth:    auth.DefaultConfig(), Conversation: conversation.DefaultConfig(), Group: group.DefaultConfig(),
		Message: authorize.DefaultConfig(),
		Router:  routers.DefaultConfig(), Config: repo.DefaultConfig(), Janitor: janitor.DefaultConfig(),
		Retention: retention.DefaultConfig(),
		Webhook:   webhook.DefaultConfig(),
		MQ:        MQConfig{Driver: DriverLog, Kafka: kafka.DefaultConfig(), RedisStream: redisstream.DefaultConfig()},
		Registry:  registry.DefaultConfig(), RPC: rpc.DefaultConfig(),
		Log: obs.DefaultLogConfig(), Trace: obs.DefaultTraceConfig(),
	}
	c.Gateway.Listen = "127.0.0.1:8080"
	c.Gateway.Config = gateway.DefaultConfig()
	c.Limits.Limits = contracts.DefaultLimits()
	c.Limits.Rates = gateway.DefaultRates()
	return c
}

// Validate checks the settings without connecting to a server. It first copies limits, rates and the environment
// into the parts of the configuration that use them. Settings of the database, the cache and webhooks are checked
// by CheckRoles, since they concern single roles.
func (c *Config) Validate() error {
	c.Gateway.Rates = c.Limits.Rates
	c.Auth.Limits = c.Limits.Limits
	c.Conversation.Limits = c.Limits.Limits
	c.Group.Limits = c.Limits.Limits
	c.nameEnvironment()
	if err := conf.Check(c, Settings); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	var errs []error
	if c.DataDir == "" {
		errs = append(errs, errors.New("data_dir: must name a directory"))
	}
	errs = append(errs, c.checkEnvironment(), c.checkAddresses(), c.Ops.validate(), c.Gateway.Validate(), c.MQ.validate(), c.RPC.Validate(), c.Registry.Validate(),
		c.Log.Validate(), c.Trace.Validate(), c.Auth.Validate(), c.Conversation.Validate(), c.Janitor.Validate(), c.Retention.Validate(), c.Group.Validate(), c.Message.Validate(), repo.CheckLimits(c.Limits.Limits, c.DB.Driver), c.Limits.CheckRecords(mq.MaxRecordBytes),
		repo.CheckListMax(c.Conversation.ListMax))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

// checkAddresses checks the form of the addresses that clients and operators reach this process by.
func (c *Config) checkAddresses() error {
	var errs []error
	for _, a := range []struct {
		setting, address string
		needed           bool
	}{{"gateway.listen", c.Gateway.Listen, true}, {"ops.listen", c.Ops.Listen, false}, {"debug.listen", c.Debug.Listen, false}} {
		if a.address == "" && !a.needed {
			continue
		}
		_, port, err := net.SplitHostPort(a.address)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: must be host:port, the port 0 to 65535", a.setting, a.address))
		}
	}
	return errors.Join(errs...)
}
