// Package steady is a clock that does not go back.
package steady

import "time"

// start holds a reading of both clocks.
var start = time.Now()

// Now is the time that the wall clock had when the process began and what has passed
// since then by the monotonic clock: whoever sets the wall clock afterwards does not
// change it. All that has to agree within a process asks here. It is as far from the
// true time as the wall clock was at the start, and does not count while the machine
// sleeps: it is for what must never repeat, not for people.
func Now() time.Time { return start.Add(time.Since(start)) }
