package repotest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// poisoned: a record is kept once for each group that gave it up, whatever its metadata
// says, and nothing goes back by itself.
func poisoned(t *testing.T, c *clients) {
	uuid := fmt.Sprint("poison-", nextID())
	record := func(more map[string]string) *pb.PoisonRecord {
		r := &pb.PoisonRecord{Uuid: uuid, Payload: []byte{0, 0xff}, Metadata: map[string]string{
			contracts.MetaPoisonGroup: "g", contracts.MetaPoisonTopic: "t", contracts.MetaPoisonReason: contracts.PoisonPanic, contracts.MetaPoisonTold: contracts.ToldNobody,
		}}
		for k, v := range more {
			r.Metadata[k] = v
		}
		return r
	}
	keep := func(r ...*pb.PoisonRecord) {
		_, err := c.KeepPoison(t.Context(), &pb.KeepPoisonRequest{Records: r})
		require.NoError(t, err)
	}
	keep(record(nil))
	keep(record(nil), record(map[string]string{contracts.MetaPoisonGroup: "another"}))
	huge := strings.Repeat("ü", 5000)
	keep(record(map[string]string{
		contracts.MetaPoisonGroup: huge, contracts.MetaPoisonTopic: huge, contracts.MetaPoisonReason: huge, contracts.MetaPoisonSender: huge,
		contracts.MetaPoisonConversation: huge, contracts.MetaPoisonTempMessage: huge, contracts.MetaPoisonTold: huge, contracts.MetaTraceID: huge,
		contracts.MetaPoisonAt: "never", contracts.MetaPoisonError: huge,
	}))
	out, err := c.ListRequeued(t.Context(), &pb.ListRequeuedRequest{Limit: 32})
	require.NoError(t, err)
	for _, r := range out.GetRecords() {
		assert.NotEqual(t, uuid, r.GetUuid())
	}
	_, err = c.ListRequeued(t.Context(), &pb.ListRequeuedRequest{})
	require.Error(t, err)
	_, err = c.ForgetPoison(t.Context(), &pb.ForgetPoisonRequest{RecordIds: []int64{1 << 60}})
	require.NoError(t, err)
}
