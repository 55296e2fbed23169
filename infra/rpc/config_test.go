package rpc

import (
	"net"
	"strings"
	"testing"

	"github.com/gochat/gochat/infra/certs"
)

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	tls := TLSConfig{Files: certs.Files{CA: "ca.pem", Cert: "c.pem", Key: "k.pem"}}
	for name, c := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"every address in the open":        {func(c *Config) { c.Listen = "0.0.0.0:9000" }, "rpc.listen 0.0.0.0:9000: other machines"},
		"every address, unnamed":           {func(c *Config) { c.Listen = ":9000" }, "rpc.listen :9000: other machines"},
		"a host in the open":               {func(c *Config) { c.Listen = "chat.example:9000" }, "rpc.listen"},
		"every address by TLS":             {func(c *Config) { c.Listen, c.TLS = ":9000", tls }, ""},
		"every address on request":         {func(c *Config) { c.Listen, c.Insecure = ":9000", true }, ""},
		"localhost":                        {func(c *Config) { c.Listen = "localhost:9000" }, ""},
		"IPv6 loopback":                    {func(c *Config) { c.Listen = "[::1]:9000" }, ""},
		"no port":                          {func(c *Config) { c.Listen = "localhost" }, "rpc.listen"},
		"no number":                        {func(c *Config) { c.Listen = "localhost:http" }, "rpc.listen"},
		"half of TLS":                      {func(c *Config) { c.TLS.Cert = "c.pem" }, "rpc.tls.ca: "},
		"no time for calls":                {func(c *Config) { c.CallTimeout = 0 }, "rpc.call_timeout"},
		"no time to connect":               {func(c *Config) { c.ConnectTimeout = -1 }, "rpc.connect_timeout"},
		"no time to drain":                 {func(c *Config) { c.DrainTimeout = 0 }, "rpc.drain_timeout"},
		"connections younger than nothing": {func(c *Config) { c.MaxConnectionAge = -1 }, "rpc.max_connection_age"},
		"no connection":                    {func(c *Config) { c.Connections = 0 }, "rpc.connections"},
		"messages of a byte":               {func(c *Config) { c.MaxMessageSize = 1 }, "rpc.max_message_size"},
		"advertises every address":         {func(c *Config) { c.Advertise = "0.0.0.0" }, "rpc.advertise"},
		"advertises nonsense":              {func(c *Config) { c.Advertise = "a:b:c" }, "rpc.advertise"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			c.change(&cfg)
			err := cfg.Validate()
			if c.says == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want a word on %s", err, c.says)
			}
		})
	}
}

func TestAdvertiseAddr(t *testing.T) {
	for _, c := range []struct{ advertise, listens, want string }{
		{"", "127.0.0.1:9000", "127.0.0.1:9000"},
		{"", "[::1]:9000", "[::1]:9000"},
		{"", "0.0.0.0:9000", ""},
		{"", "[::]:9000", ""},
		{"chat-1", "0.0.0.0:9000", "chat-1:9000"},
		{"chat-1:0", "0.0.0.0:9000", "chat-1:9000"},
		{"chat-1:7000", "0.0.0.0:9000", "chat-1:7000"},
		{"10.0.0.5", "0.0.0.0:9000", "10.0.0.5:9000"},
		{"fd00::5", "[::]:9000", "[fd00::5]:9000"},
		{"[fd00::5]:7000", "[::]:9000", "[fd00::5]:7000"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", c.listens)
		if err != nil {
			t.Fatal(err)
		}
		cfg := DefaultConfig()
		cfg.Advertise = c.advertise
		got, err := cfg.AdvertiseAddr(addr)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q on %s: %q, %v; want %q", c.advertise, c.listens, got, err, c.want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "rpc.advertise: ") {
			t.Errorf("the error names no setting: %v", err)
		}
	}
}
