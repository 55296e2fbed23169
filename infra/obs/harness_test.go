package obs

import "time"

// How long something that must happen may take on a slow machine, and how often it is looked for.
const (
	eventually = 20 * time.Second
	tick       = 5 * time.Millisecond
)
