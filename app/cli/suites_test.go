package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// suites lists the environment variables without which tests that need a server are skipped.
var suites = []struct{ variable, server string }{
	{"GOCHAT_TEST_KAFKA_BROKERS", "Kafka"},
	{"GOCHAT_TEST_MYSQL_DSN", "MariaDB"},
	{"GOCHAT_TEST_MYSQL_REPLICA_DSN", "a replica of MariaDB"},
	{"GOCHAT_TEST_REDIS_ADDR", "Redis"},
	{"GOCHAT_TEST_REDIS_SENTINEL_ADDRS", "Redis with sentinels"},
	{"GOCHAT_TEST_REDIS_CLUSTER_ADDRS", "a cluster of Redis"},
	{"GOCHAT_TEST_REDIS_STREAM_ADDR", "Redis streams"},
	{"GOCHAT_TEST_KAFKA_SASL_BROKER", "Kafka with TLS and passwords"},
	{"GOCHAT_TEST_ETCD_ENDPOINTS", "etcd"},
	{"GOCHAT_TEST_ETCD3_ENDPOINTS", "three nodes of etcd"},
	{"GOCHAT_TEST_LOCAL", "servers that are killed and paused"},
	{"GOCHAT_TEST_CLUSTER", "the roles as processes of their own"},
}

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	code := m.Run()
	var missing []string
	for _, s := range suites {
		if os.Getenv(s.variable) == "" {
			missing = append(missing, fmt.Sprintf("  %-38s %s", s.variable, s.server))
		}
	}
	if len(missing) > 0 {
		tell("Not run, because these variables do not say where the servers are (\"just servers up\" starts them and tells):\n" +
			strings.Join(missing, "\n") + "\n")
	}
	os.Exit(code)
}

// tell writes to the standard error of the go command, where the system allows that:
// `go test ./...` hides the output of a package whose tests pass. Elsewhere it writes
// to the standard error of the test, which -v shows.
func tell(text string) {
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", os.Getppid())); err == nil && strings.TrimSpace(string(comm)) == "go" {
		if f, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/2", os.Getppid()), os.O_WRONLY|os.O_APPEND, 0); err == nil {
			defer func() { _ = f.Close() }()
			if _, err := f.WriteString(text); err == nil {
				return
			}
		}
	}
	fmt.Fprint(os.Stderr, text)
}
