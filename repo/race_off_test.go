//go:build !race

package repo_test

const raced = false
