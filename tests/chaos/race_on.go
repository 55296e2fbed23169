//go:build race

package chaos

// raceDetector reports whether the test was built with the race detector; then Build builds the server with it, too.
const raceDetector = true
