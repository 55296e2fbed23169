package rediscache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/store"
)

// FuzzDedup: what is remembered of a message comes back as it was; anything else that
// is in Redis is no hit, or one of the same numbers.
func FuzzDedup(f *testing.F) {
	f.Add(dedupValue(&store.Message{Seq: 7, ID: 118369514571169793, Timestamp: 1795447091473}))
	f.Add("7")
	f.Add("7:8:9:10")
	f.Add("-7:8:9")
	f.Fuzz(func(t *testing.T, v string) {
		m, hit := parseDedup(v)
		if !hit {
			return
		}
		again, hit := parseDedup(dedupValue(&m))
		require.True(t, hit)
		require.Equal(t, m, again)
	})
}
