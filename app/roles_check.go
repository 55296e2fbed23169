package app

import (
	"errors"
	"fmt"
)

// CheckRoles returns an error when processes with these roles cannot work together
// under cfg: what is embedded works in one process only, and roles in other processes
// are found through the registry only. It also checks the settings that concern single
// roles: those of webhooks, token keys, the database and the cache.
func CheckRoles(names []string, cfg *Config) error {
	here := rolesOf(names)
	if here.has(RoleFeed) { // other roles need no secrets of webhooks
		if err := cfg.Webhook.Validate(); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	if err := checkPlaces(here, cfg); err != nil {
		return err
	}
	return checkServers(here, cfg)
}

// checkPlaces refuses roles that cannot reach the roles of other processes.
func checkPlaces(here roleSet, cfg *Config) error {
	for _, r := range roles() {
		if here.has(r.name) || r.optional {
			continue
		}
		if !cfg.Registry.Enabled() {
			return fmt.Errorf("role %s is not in this process, and the processes of one system, which all roles together are, find each other "+
				"through etcd: set registry.endpoints (GOCHAT_REGISTRY_ENDPOINTS), or run %q, which is everything in one process", r.name, "gochat")
		}
		if r.needs&needsQueue != 0 && here.need(needsQueue) && cfg.MQ.kind().embedded() {
			return fmt.Errorf("the embedded message queue (mq.driver: %s) reaches one process only, and role %s is not in this one: "+
				"set mq.driver (GOCHAT_MQ_DRIVER) to %s, or run %q, which is everything in one process", cfg.MQ.Driver, r.name, oneOf(queueNames(false)), "gochat")
		}
	}
	return nil
}

// checkServers refuses a role that lacks the keys or the servers that all its replicas share.
func checkServers(here roleSet, cfg *Config) error {
	if here.need(needsKeys) && !here.whole() && len(cfg.Auth.Keys) == 0 {
		return errors.New("role logic signs tokens and needs keys that all of its replicas share: set auth.keys and auth.active_key " +
			"(GOCHAT_AUTH_KEYS=k1=…, at least 32 bytes; GOCHAT_AUTH_ACTIVE_KEY=k1)")
	}
	if here.need(needsKeys) && len(cfg.Auth.Keys) == 0 && cfg.Auth.ActiveKey != "" {
		return fmt.Errorf("configuration: auth.active_key %q: auth.keys has no keys; set both, or neither for keys that the process makes itself", cfg.Auth.ActiveKey)
	}
	if !here.need(needsStore) {
		return nil
	}
	if !here.whole() && len(cfg.KV.Addrs) == 0 && cfg.Cache == nil {
		return errors.New("role repo in a process of its own shares its cache with others: set kv.addrs (GOCHAT_KV_ADDRS) to a Redis")
	}
	base := cfg.DB
	base.Path = cfg.DBPath(cfg.DataDir)
	if err := errors.Join(base.Validate(), cfg.KV.Validate()); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}
