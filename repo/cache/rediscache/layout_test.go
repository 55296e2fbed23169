package rediscache

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSlots(t *testing.T) {
	t.Parallel()
	for key, slot := range map[string]int{
		"123456789": 0x31c3, "foo": 12182, "{foo}bar": 12182, "bar{foo}": 12182, "a{foo}b{x}": 12182, "": 0,
		"{}foo": 9500, "{foo": 13308,
	} {
		assert.Equal(t, slot, slotOf(key), key)
	}
	for _, slot := range []int{0, 1, 5461, 16383} {
		assert.Equal(t, slot, slotOf("gateways_epoch:{"+tagOf(slot)+"}"))
	}
}
