package gateway

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/conform"
)

// TestFramesAreTheContract: the table has the frames of asyncapi.yaml, each once in each of its directions,
// and a client's frame has somebody to handle it.
func TestFramesAreTheContract(t *testing.T) {
	contract, err := conform.New()
	require.NoError(t, err)
	require.ElementsMatch(t, contract.ClientFrames(), slices.Collect(maps.Keys(clientFrames)))
	require.ElementsMatch(t, contract.ServerFrames(), slices.Collect(maps.Keys(serverFrames)))
	require.Len(t, frameTable, len(clientFrames)+len(serverFrames), "each row once")
	for _, r := range frameTable {
		require.Equal(t, r.direction == in, r.handle != nil, r.typ)
	}
}

// TestFramesAreCounted by their types from the start, and what is none of the contract's as one.
func TestFramesAreCounted(t *testing.T) {
	h := start(t)
	families, err := h.gw.deps.Gatherer.Gather()
	require.NoError(t, err)
	var got []string
	for _, f := range families {
		if f.GetName() != "gochat_gateway_frames_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			got = append(got, labels["direction"]+" "+labels["type"])
		}
	}
	want := []string{in + " " + otherType, out + " " + otherType}
	for _, r := range frameTable {
		want = append(want, r.direction+" "+r.typ)
	}
	require.ElementsMatch(t, want, got)
}
