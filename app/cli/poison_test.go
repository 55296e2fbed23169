package cli

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/walog"
)

// queued writes records into the embedded queue of a server that does not run.
func queued(t *testing.T, dir string, records map[string]*message.Message) {
	t.Helper()
	d, err := app.OpenDataDir(dir)
	require.NoError(t, err)
	q, err := walog.Open(walog.Config{Dir: d.File(app.QueueDir)}, zap.NewNop())
	require.NoError(t, err)
	for topic, m := range records {
		require.NoError(t, q.Ensure(t.Context(), mq.Topic{Name: topic}))
		require.NoError(t, q.Publisher().Publish(topic, m))
	}
	require.NoError(t, q.Close())
	require.NoError(t, d.Close())
}

// poisonedDir makes a data directory with three records for the list: one that cannot be decoded, one whose
// message was rejected, and one that was too large.
func poisonedDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	payload, err := proto.Marshal(&pb.Upstream{SenderId: 7, ConversationId: "group_7", TempMessageId: "t1", Content: "a secret", MessageType: "text"})
	require.NoError(t, err)
	rejected := message.NewMessage("rejected", payload)
	rejected.Metadata = message.Metadata{
		contracts.MetaPoisonReason: contracts.PoisonUnforeseen, contracts.MetaPoisonError: "an error\nin two lines",
		contracts.MetaPoisonTopic: contracts.TopicUpstream, contracts.MetaPoisonGroup: contracts.GroupMessage, contracts.MetaPoisonAt: "1790000000000",
		contracts.MetaPoisonSender: "7", contracts.MetaPoisonConversation: "group_7", contracts.MetaPoisonTempMessage: "t1",
		contracts.MetaPoisonTold: contracts.ToldRejected, contracts.MetaTraceID: "0af7651916cd43dd8448eb211c80319c",
	}
	queued(t, dir, map[string]*message.Message{
		contracts.TopicUpstream: message.NewMessage("nonsense", []byte("\xff\xff")), contracts.TopicPoison: rejected,
	})
	bare := message.NewMessage("bare", nil)
	bare.Metadata = message.Metadata{
		contracts.MetaPoisonReason: contracts.PoisonTooLarge, contracts.MetaPoisonTopic: contracts.TopicUpstream,
		contracts.MetaPoisonGroup: contracts.GroupMessage, contracts.MetaPoisonAt: "1790000000000",
	}
	queued(t, dir, map[string]*message.Message{contracts.TopicPoison: bare})
	return dir
}

// poisonIn runs the command in a data directory, and returns what it said.
func poisonIn(t *testing.T, dir string, code int, args ...string) string {
	t.Helper()
	var stdout, stderr syncBuffer
	require.Equal(t, code, run(t.Context(), append([]string{"poison", "--data-dir", dir}, args...), &stdout, &stderr), stderr.String())
	return stdout.String() + stderr.String()
}

// poisonNumber returns the number of the listed record with a text.
func poisonNumber(t *testing.T, dir, text string) string {
	t.Helper()
	for line := range strings.SplitSeq(poisonIn(t, dir, 0, "list"), "\n") {
		if strings.Contains(line, text) {
			return regexp.MustCompile(`^\d+`).FindString(line)
		}
	}
	return ""
}

// TestPoisonCommand: poisoned records are listed, put back and dropped while the server runs.
// The content of messages is shown only with --content.
func TestPoisonCommand(t *testing.T) {
	dir := poisonedDir(t)
	b := boot(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0")
	b.waitFor(t, "  open  http://")
	poison := func(code int, args ...string) string { t.Helper(); return poisonIn(t, dir, code, args...) }
	number := func(text string) string { t.Helper(); return poisonNumber(t, dir, text) }
	eventually := func(what func() bool) {
		require.Eventually(t, what, time.Minute, 50*time.Millisecond, b.stderr.String())
	}

	eventually(func() bool { return number("undecodable") != "" && number("unforeseen") != "" })
	line := regexp.MustCompile(`(?m)^.*unforeseen.*$`).FindString(poison(0, "list"))
	for _, known := range []string{"2026-09-21", "gochat-message", "group_7", "rejected", "0af7651916cd43dd8448eb211c80319c", `an error\nin two lines`} {
		assert.Contains(t, line, known)
	}
	assert.NotContains(t, poison(0, "list", "--reason", "undecodable"), "unforeseen")

	told := number("unforeseen")
	assert.NotContains(t, poison(0, "list")+poison(0, "show", told), "a secret")
	assert.Contains(t, poison(0, "show", told), "t1")
	assert.Contains(t, poison(0, "show", told, "--content"), "a secret")
	assert.Contains(t, poison(1, "requeue", told), "never be stored")
	eventually(func() bool { return number(contracts.PoisonTooLarge) != "" })
	assert.Contains(t, poison(1, "requeue", number(contracts.PoisonTooLarge)), "its payload did not fit")
	poison(0, "drop", number(contracts.PoisonTooLarge))

	// The record goes back to its topic and is given up again, as a record with another number.
	first := number("undecodable")
	assert.Contains(t, poison(0, "show", first, "--content"), "base64 //8=")
	poison(1, "requeue", first, told) // told cannot go back, so neither does first
	assert.NotContains(t, poison(0, "list"), "goes back")
	poison(0, "requeue", first)
	eventually(func() bool { n := number("undecodable"); return n != first && n != "" })

	assert.Contains(t, poison(0, "drop", told, number("undecodable")), "2 records")
	assert.Contains(t, poison(0, "list"), "nothing is poisoned")
	assert.Contains(t, poison(1, "show", told), "not found")
	poison(2, "drop", "x")
}

// TestDroppingWhatIsNotThere: drop reports a missing record as requeue and show do.
func TestDroppingWhatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr syncBuffer
	require.Zero(t, run(t.Context(), []string{"migrate", "up", "--data-dir", dir}, &stdout, &stderr), stderr.String())
	require.Equal(t, 1, run(t.Context(), []string{"poison", "drop", "7", "--data-dir", dir}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "1 of the 1 records were not there: not found")
}
