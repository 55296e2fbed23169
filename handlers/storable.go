package handlers

import "math"

// Storable cuts the number of a message to what a database's signed integer holds; no
// conversation gets there.
func Storable(seq uint64) uint64 { return min(seq, math.MaxInt64) }
