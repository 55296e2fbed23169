package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// role is a part of GoChat that can run on its own or with others in one
// process.
type role struct {
	name string
	does string
	// pipeline: the role is at one end of the message queue.
	pipeline bool
	// optional: others do without it for a while.
	optional bool
}

// The roles' names.
const (
	roleAll     = "all"
	roleRepo    = "repo"
	roleLogic   = "logic"
	roleMessage = "message"
	roleFanout  = "fanout"
	RoleFeed    = "feed"
	roleJanitor = "janitor"
	RoleGateway = "gateway"
)

// roles is the one table of roles, in the order in which they start.
var roles = []role{
	{name: roleRepo, does: "storage: the only one that touches the database and the cache"},
	{name: roleLogic, does: "accounts, conversations, history: the business rules", pipeline: true},
	{name: roleMessage, does: "the message pipeline: number, store, deliver", pipeline: true},
	{name: roleFanout, does: "delivery to large groups", pipeline: true},
	{name: RoleFeed, does: "what others want of stored messages: webhooks, the search index", pipeline: true, optional: true},
	{name: roleJanitor, does: "chores that one process does for all: topics of dead gateways", pipeline: true, optional: true},
	{name: RoleGateway, does: "HTTP and WebSocket for clients, and the web client", pipeline: true},
}

// RoleHelp returns a line for each role, for the help of the command line.
func RoleHelp() string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %-9s every role in this process\n", roleAll)
	for _, r := range roles {
		fmt.Fprintf(&b, "    %-9s %s\n", r.name, r.does)
	}
	return b.String()
}

// ParseRoles reads "all" or a list with commas, in the order in which they start.
func ParseRoles(args []string) ([]string, error) {
	var asked []string
	if len(args) > 0 && args[0] != roleAll {
		asked = strings.Split(args[0], ",")
	}
	for _, a := range asked {
		if !slices.ContainsFunc(roles, func(r role) bool { return r.name == a }) {
			return nil, fmt.Errorf("there is no role or command %q", a)
		}
	}
	var names []string
	for _, r := range roles {
		if asked == nil || slices.Contains(asked, r.name) {
			names = append(names, r.name)
		}
	}
	return names, nil
}

// CheckRoles refuses a set of roles whose parts would not find each other: what
// is embedded lives in one process, and what is in another process is found
// through the registry.
func CheckRoles(names []string, cfg *Config) error {
	if slices.Contains(names, RoleFeed) { // others need no secrets of receivers
		if err := cfg.Webhook.Validate(); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	if err := checkPlaces(names, cfg); err != nil {
		return err
	}
	return checkServers(names, cfg)
}

// checkPlaces refuses roles that would not find those of other processes.
func checkPlaces(names []string, cfg *Config) error {
	ends := 0
	for _, r := range roles {
		if r.pipeline && slices.Contains(names, r.name) {
			ends++
		}
	}
	for _, r := range roles {
		if slices.Contains(names, r.name) || r.optional {
			continue
		}
		if !cfg.Registry.Enabled() {
			return fmt.Errorf("role %s is not in this process, and the processes of one system, which all roles together are, find each other "+
				"through etcd: set registry.endpoints (GOCHAT_REGISTRY_ENDPOINTS), or run %q, which is everything in one process", r.name, "gochat")
		}
		if r.pipeline && ends > 0 && cfg.MQ.Driver == DriverLog {
			return fmt.Errorf("the embedded message log (mq.driver: log) reaches one process only, and role %s is not in this one: "+
				"set mq.driver (GOCHAT_MQ_DRIVER) to kafka or redisstream, or run %q, which is everything in one process", r.name, "gochat")
		}
	}
	return nil
}

// checkServers refuses roles without what they share with others of their kind.
func checkServers(names []string, cfg *Config) error {
	whole := len(names) == len(roles)
	if slices.Contains(names, roleLogic) && !whole && len(cfg.Auth.Keys) == 0 {
		return errors.New("role logic signs tokens and needs keys that all of its replicas share: set auth.keys and auth.active_key " +
			"(GOCHAT_AUTH_KEYS=k1=…, at least 32 bytes; GOCHAT_AUTH_ACTIVE_KEY=k1)")
	}
	if slices.Contains(names, roleLogic) && len(cfg.Auth.Keys) == 0 && cfg.Auth.ActiveKey != "" {
		return fmt.Errorf("configuration: auth.active_key %q: auth.keys has no keys; set both, or neither for keys that the process makes itself", cfg.Auth.ActiveKey)
	}
	if !slices.Contains(names, roleRepo) {
		return nil
	}
	if !whole && len(cfg.KV.Addrs) == 0 {
		return errors.New("role repo in a process of its own shares its cache with others: set kv.addrs (GOCHAT_KV_ADDRS) to a Redis")
	}
	base := cfg.DB
	base.Path = cfg.DBPath(cfg.DataDir)
	if err := errors.Join(base.Validate(), cfg.KV.Validate()); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}
