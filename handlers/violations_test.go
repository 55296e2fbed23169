package handlers

import (
	"maps"
	"testing"

	"github.com/gochat/gochat/contracts"
)

// TestViolations: all fields that are wrong are named, in the order in which they were checked.
func TestViolations(t *testing.T) {
	t.Parallel()
	var v Violations
	v.Check("role", "")
	if err := v.Err(); err != nil {
		t.Fatalf("nothing is wrong: %v", err)
	}
	v.Check("username", "3 to 32 characters")
	if got, want := contracts.AsError(v.Err()).Message, contracts.Invalid("username", "3 to 32 characters").Message; got != want {
		t.Errorf("message %q, want %q as of a single field", got, want)
	}
	v.Check("password", "8 to 72 bytes")
	e := contracts.AsError(v.Err())
	if e.Code != contracts.CodeInvalidArgument || e.Message != "username: 3 to 32 characters; password: 8 to 72 bytes" {
		t.Errorf("error %v", e)
	}
	if want := map[string]string{"username": "3 to 32 characters", "password": "8 to 72 bytes"}; !maps.Equal(e.Fields, want) {
		t.Errorf("fields %v", e.Fields)
	}
}
