package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTypingOnceASecond(t *testing.T) {
	var all typists
	now := time.Now()
	ann := typist{1, "world"}
	require.True(t, all.allow(ann, now))
	require.False(t, all.allow(ann, now.Add(typingInterval-1)), "whatever socket it comes from")
	require.True(t, all.allow(typist{2, "world"}, now), "another one")
	require.True(t, all.allow(typist{1, "group_1"}, now), "elsewhere")
	require.True(t, all.allow(ann, now.Add(typingInterval)))
}

func TestTypistsAreBounded(t *testing.T) {
	var all typists
	now := time.Now()
	for i := range int64(maxTypists) {
		require.True(t, all.allow(typist{i, "world"}, now))
	}
	require.False(t, all.allow(typist{-1, "world"}, now))
	require.True(t, all.allow(typist{-1, "world"}, now.Add(typingInterval)), "those from before are forgotten")
	require.Len(t, all.at, 1)
}
