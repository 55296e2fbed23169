package obs

import "time"

// eventually is how long something that must happen may take on a slow machine, tick how often it is checked.
const (
	eventually = 20 * time.Second
	tick       = 5 * time.Millisecond
)
