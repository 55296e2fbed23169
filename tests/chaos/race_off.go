//go:build !race

package chaos

// raceDetector: a test with the race detector runs a server with it.
const raceDetector = false
