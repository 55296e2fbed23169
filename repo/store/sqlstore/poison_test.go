package sqlstore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

// TestPoisonIsPutBackWhenAsked: and never where a sender was told that it is not stored.
func TestPoisonIsPutBackWhenAsked(t *testing.T) {
	t.Parallel()
	s, saver, _ := open(t, nil)
	closed(t, saver)
	var records []store.PoisonRecord
	for _, told := range []string{contracts.ToldNobody, contracts.ToldStored, contracts.ToldRejected} {
		records = append(records, store.PoisonRecord{
			UUID: told, Group: "g", Topic: "t", Reason: "panic", Told: told, Metadata: map[string]string{"k": told}, Payload: []byte(told),
		})
	}
	require.NoError(t, s.KeepPoison(t.Context(), records))
	require.NoError(t, s.KeepPoison(t.Context(), records), "once more")
	list, err := s.ListPoison(t.Context(), "", 0, 10)
	require.NoError(t, err)
	require.Len(t, list, 3)
	assert.Empty(t, list[0].Payload, "a list is short")
	n, err := s.RequeuePoison(t.Context(), []int64{list[0].ID, list[1].ID, list[2].ID}, time.Now())
	require.NoError(t, err)
	assert.EqualValues(t, 2, n)
	back, err := s.RequeuedPoison(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, back, 2)
	assert.Equal(t, "nobody", string(back[0].Payload))
	assert.Equal(t, map[string]string{"k": "stored"}, back[1].Metadata)
	n, err = s.ForgetPoison(t.Context(), []int64{back[0].ID, back[1].ID, 1 << 50})
	require.NoError(t, err)
	assert.EqualValues(t, 2, n)
	_, err = s.PoisonRecord(t.Context(), back[0].ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	one, err := s.PoisonRecord(t.Context(), list[2].ID)
	require.NoError(t, err)
	assert.Equal(t, "rejected", string(one.Payload))
}
