package handlers

import "math"

// Storable limits a sequence number that a client names to the largest that the database's signed 64-bit
// integer holds. No conversation gets there, so the limit changes no answer.
func Storable(seq uint64) uint64 { return min(seq, math.MaxInt64) }
