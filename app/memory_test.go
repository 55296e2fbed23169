package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhenMemoryIsGivenBack(t *testing.T) {
	const mb = 1 << 20
	for name, c := range map[string]struct {
		earlier, now memory
		left         uint64
		idle, spare  bool
	}{
		"after a burst":         {memory{allocated: 1000 * mb}, memory{1010 * mb, 100 * mb, 600 * mb}, 0, true, true},
		"in a burst":            {memory{allocated: 1000 * mb}, memory{9000 * mb, 100 * mb, 600 * mb}, 0, false, true},
		"all of it is in use":   {memory{allocated: 1000 * mb}, memory{1010 * mb, 400 * mb, 600 * mb}, 0, true, false},
		"what is left is small": {memory{allocated: 10 * mb}, memory{11 * mb, 2 * mb, 18 * mb}, 0, true, false},
		"as much as was left before, in half-empty parts": {memory{allocated: 1000 * mb}, memory{1010 * mb, 100 * mb, 300 * mb}, 290 * mb, true, false},
		"another burst was since":                         {memory{allocated: 1000 * mb}, memory{1010 * mb, 100 * mb, 600 * mb}, 290 * mb, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.idle, c.now.idle(c.earlier), "idle")
			assert.Equal(t, c.spare, c.now.spare(c.left), "spare")
		})
	}
	here := readMemory()
	assert.Positive(t, here.allocated)
	assert.Positive(t, here.resident)
}
