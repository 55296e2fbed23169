//go:build race

package repo_test

// raced: the race detector is on, beside which SQLite, being Go, is many times slower.
const raced = true
