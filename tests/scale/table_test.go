package scale_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// envSessions says up to how many sessions TestTable goes.
const envSessions = "GOCHAT_TEST_SCALE"

const (
	// defaultSessions is without that variable.
	defaultSessions = 100_000
	// mostTopics is how many of the gateways have topics of their own: a Kafka on one machine takes minutes to make
	// a thousand. The world, whose messages go to all gateways, is not spoken to where there are more.
	mostTopics = 100
	// placed is how many gateways those who talk are on.
	placed = 10
	// largeGroup is more members than the pipeline delivers to by itself.
	largeGroup = 1000
)

// TestTable prints what docs/capacity.md counts with.
func TestTable(t *testing.T) {
	if os.Getenv("CI_NIGHTLY") == "" {
		t.Skip("CI_NIGHTLY is not set: the table is made at night")
	}
	most := defaultSessions
	if given := os.Getenv(envSessions); given != "" {
		var err error
		most, err = strconv.Atoi(given)
		require.NoError(t, err, envSessions)
	}
	s := newSystem(t)
	s.fleet.grow(t, placed, placed)
	users := s.people(t, largeGroup, placed)
	talk := chats{single: s.single(t, users[0], users[1]), group: s.group(t, users[:groupMembers]), world: s.world(users[0]), people: users}
	large := s.group(t, users)
	for _, step := range []struct{ gateways, sessions int }{
		{10, 10_000}, {100, 10_000}, {1000, 10_000}, {1000, 100_000}, {1000, 1_000_000}, {10_000, 1_000_000},
	} {
		if step.sessions > most {
			break
		}
		s.step(t, talk, large, step.gateways, step.sessions)
	}
	s.kept(t, talk.single)
}

// step brings the system to a size, and prints what things cost there.
func (s *system) step(t *testing.T, talk chats, large *chat, gateways, sessions int) {
	t.Helper()
	begun := time.Now()
	s.fleet.grow(t, gateways, mostTopics)
	before, had := s.monitor.used(t), s.monitor.listed(t)
	s.fleet.crowd(t, sessions)
	s.fleet.settle(t)
	added := s.monitor.listed(t) - had
	fmt.Printf("\n%d gateways, %d sessions\n\n%s\n", gateways, sessions, heading())
	rows := talk.all(t, times)
	rows[fmt.Sprintf("a message of a group of %d", largeGroup)] = large.message(t, times)
	if gateways <= mostTopics {
		rows["a message of the world"] = talk.world.message(t, 3)
	}
	for _, what := range sorted(rows) {
		fmt.Println(rows[what].row(what))
	}
	own, listed := s.fleet.sessionBytes(t)
	fmt.Printf("\nbytes of a session in Redis: %.0f in a key of its user, %.0f in the list of all", own, listed)
	if added > 0 {
		fmt.Printf(", %.0f by the server's memory", float64(s.monitor.used(t)-before)/float64(added))
	}
	fmt.Printf("\nmicroseconds to locate two users: %.0f\n", s.locating(t, talk.people[:2]))
	fmt.Printf("bytes that a process reads of all topics once a minute: %d\n", s.queue.directory(t))
	fmt.Printf("it took %v\n", time.Since(begun).Round(time.Second))
}

// locating is how long a call takes that finds users, in microseconds. It is printed and not judged.
func (s *system) locating(t *testing.T, users []int64) float64 {
	t.Helper()
	const calls = 500
	sessions, begun := pb.NewSessionRepoClient(s.conn), time.Now()
	for range calls {
		_, err := sessions.Locate(t.Context(), &pb.LocateRequest{UserIds: users})
		require.NoError(t, err)
	}
	return float64(time.Since(begun).Microseconds()) / calls
}

// kept prints what stays of messages of two people: in Redis, and at the brokers.
func (s *system) kept(t *testing.T, talk *chat) {
	t.Helper()
	const messages = 300 // as many as Redis keeps of a conversation
	before := s.queue.written(t)
	for range messages {
		talk.say(t)
	}
	fmt.Printf("\nbytes of a message that is kept in Redis: %.0f\n", float64(s.monitor.size(t, "hot_messages:{"+talk.conv+"}"))/messages)
	after := s.queue.written(t)
	for _, topic := range sorted(after) {
		if n := after[topic] - before[topic]; n > 0 {
			fmt.Printf("bytes of a message in Kafka's files, %s: %.0f\n", topic, float64(n)/messages)
		}
	}
}

// heading is above rows of costs.
func heading() string {
	names, line := "| one time ", "| --- "
	for _, f := range (cost{}).figures() {
		names, line = names+"| "+f.name+" ", line+"| --- "
	}
	return names + "|\n" + line + "|"
}

// used is the memory that the server says that it uses, for everything.
func (m *monitor) used(t *testing.T) int64 {
	t.Helper()
	info, err := m.ask.Info(t.Context(), "memory").Result()
	require.NoError(t, err)
	_, rest, found := strings.Cut(info, "used_memory:")
	require.True(t, found)
	text, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}
