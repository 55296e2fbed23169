package redisstream

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// FuzzDecode: an entry that another program wrote is handed on, without a panic.
func FuzzDecode(f *testing.F) {
	f.Add("_watermill_message_uuid", "id", "metadata", "\x80", "payload", "x")
	f.Add("payload", "x", "a", "b", "c", "d")
	f.Add("metadata", "\xc1", "metadata", "\xdf\xff\xff\xff\xff", "", "")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3 string) {
		m := decode(redis.XMessage{ID: "1-1", Values: map[string]any{k1: v1, k2: v2, k3: v3}})
		require.NotNil(t, m)
		require.NotNil(t, m.Metadata)
	})
}

// FuzzCursor: a cursor that can be parsed prints as it was.
func FuzzCursor(f *testing.F) {
	f.Add(cursor{"1-1", 7}.String())
	f.Add("0-0/")
	f.Add("/18446744073709551615")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil {
			return
		}
		again, err := parseCursor(c.String())
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}
