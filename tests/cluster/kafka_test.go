package cluster_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/cluster"
)

// nightly reports whether the slow, full forms of tests are run.
func nightly() bool { return os.Getenv("CI_NIGHTLY") != "" }

// kafkaFaults are the faults that only exist with Kafka.
var kafkaFaults = []fault{
	{"a broker is silent for as long as members bear it", atTheLimit, true},
	{"two processes of one name", namesakes, true},
	{"kill a message worker without a name", crash("message-3"), false},
}

// atTheLimit pauses the broker for about two thirds of a session, after which a member of a
// consumer group begins nothing new, and resumes it at once: no lane may stay stopped after that.
func atTheLimit(t *testing.T, w *town) {
	t.Helper()
	silences := []time.Duration{6900 * time.Millisecond}
	if nightly() {
		for ms := 6700; ms <= 7300; ms += 100 {
			silences = append(silences, time.Duration(ms)*time.Millisecond)
		}
	}
	for _, d := range silences {
		w.do(t, "pause", "kafka")
		time.Sleep(d) // the length of the fault
		w.do(t, "resume", "kafka")
		time.Sleep(3 * time.Second) // some load between
	}
}

// namesakes starts a second process with the name of a living one: it is refused. When etcd does not know
// of the first one, the second fences the outbox of the first, which has to end: it could never
// publish again and would retry its runs for ever.
func namesakes(t *testing.T, w *town) {
	t.Helper()
	const name = "message-1"
	within, cancel := context.WithTimeout(t.Context(), complete)
	defer cancel()
	first := w.Process(name)
	twin, err := w.Other("message", "twin", "GOCHAT_NAME="+name)
	require.NoError(t, err)
	require.NoError(t, twin.Start())
	code, err := twin.Wait(within)
	require.NoError(t, err)
	assert.Equal(t, 1, code)
	assert.Contains(t, twin.Tail(2000), "another process that lives has the same name")
	assert.Contains(t, twin.Tail(2000), "GOCHAT_NAME")
	require.True(t, first.Running(), first.Tail(2000))

	stranger, err := w.Other("message", "stranger", "GOCHAT_NAME="+name, "GOCHAT_REGISTRY_PREFIX=/another")
	require.NoError(t, err)
	require.NoError(t, stranger.Start())
	code, err = first.Wait(within)
	require.NoError(t, err, "it goes on under a name that is another one's")
	assert.Equal(t, 1, code)
	assert.Contains(t, first.Tail(2000), "another process has taken over this outbox")
	assert.Contains(t, first.Tail(2000), "GOCHAT_NAME")
	require.NoError(t, stranger.Kill()) // it is useless: under its prefix there is no repo
	require.NoError(t, first.Start())
}

// TestFaultsOfThreeBrokers: with three replicas of each record, any one broker may be away.
// While two are away no send is accepted, and no accepted one is lost.
func TestFaultsOfThreeBrokers(t *testing.T) {
	w := newTown(t, cluster.Options{BasePort: 22300, Queue: "kafka3"})
	for _, p := range w.people {
		p.Pace *= 4 // three brokers on one machine write everything three times
	}
	w.inSync(t)
	away := 8 * time.Second // the other brokers go on without one after four
	brokers := []string{"kafka-1", "kafka-2"}
	if nightly() {
		away, brokers = 15*time.Second, []string{"kafka-1", "kafka-2", "kafka-3"}
	}
	var all []fault
	all = append(all, fault{name: "one broker dies, then another", do: func(t *testing.T, w *town) {
		t.Helper()
		for _, b := range brokers {
			cut(b, away)(t, w)
			w.inSync(t)
		}
	}}, fault{name: "a second broker dies while one is away", do: func(t *testing.T, w *town) {
		t.Helper()
		w.do(t, "kill", "kafka-2")
		time.Sleep(away) // the others go on
		w.do(t, "kill", "kafka-3")
		time.Sleep(away)
		w.do(t, "start", "kafka-3")
		w.do(t, "start", "kafka-2")
		w.inSync(t)
	}})
	if nightly() {
		all = append(all, fault{name: "each broker stands still for 10 s", do: func(t *testing.T, w *town) {
			t.Helper()
			for _, b := range brokers {
				w.do(t, "pause", b)
				time.Sleep(10 * time.Second)
				w.do(t, "resume", b)
				w.inSync(t)
			}
		}})
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) { w.suffer(t, f) })
	}
	out, err := w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify:", out)
}

// inSync waits until all replicas are in sync: only then may the next broker fail.
func (w *town) inSync(t *testing.T) {
	t.Helper()
	s := sarama.NewConfig()
	s.Version = sarama.V2_8_0_0
	why := fmt.Errorf("nobody was asked")
	require.Eventually(t, func() bool {
		why = missing(w.Servers.Brokers(), s)
		return why == nil
	}, 2*time.Minute, 200*time.Millisecond)
	require.NoError(t, why)
}

// missing returns an error that names a replica that is not in sync, or nil.
func missing(brokers []string, s *sarama.Config) error {
	client, err := sarama.NewClient(brokers, s)
	if err != nil {
		return fmt.Errorf("ask Kafka: %w", err)
	}
	defer func() { _ = client.Close() }()
	topics, err := client.Topics()
	if err != nil {
		return fmt.Errorf("list the topics: %w", err)
	}
	for _, topic := range topics {
		partitions, err := client.Partitions(topic)
		if err != nil {
			return fmt.Errorf("list the partitions of %s: %w", topic, err)
		}
		for _, p := range partitions {
			have, err := client.InSyncReplicas(topic, p)
			if err != nil {
				return fmt.Errorf("look at partition %d of %s: %w", p, topic, err)
			}
			if len(have) != len(brokers) {
				return fmt.Errorf("partition %d of %s is at %v only", p, topic, have)
			}
		}
	}
	return nil
}
