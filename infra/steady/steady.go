// Package steady is a clock that does not go back.
package steady

import "time"

// start holds a reading of both clocks.
var start = time.Now()

// Now is the time of the wall clock when the process began, plus what has passed since then on the monotonic
// clock: setting the wall clock later does not change it. Whatever must agree within a process, and never
// repeat, takes its times here. They are as wrong as the wall clock was at the start, and stand still while
// the machine sleeps, so they are not for people.
func Now() time.Time { return start.Add(time.Since(start)) }
