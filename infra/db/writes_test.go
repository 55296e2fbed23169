package db

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOnlyFailuresOfTheDiskAreProbed: a transaction that was refused, or had a conflict with another one, is
// no reason to write megabytes.
func TestOnlyFailuresOfTheDiskAreProbed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want []int
	}{
		"what was asked is refused":     {errors.New("the name is taken"), nil},
		"a key is there":                {&mysql.MySQLError{Number: myDuplicate}, nil},
		"a deadlock":                    {fmt.Errorf("save: %w", &mysql.MySQLError{Number: myDeadlock}), nil},
		"who asked has gone":            {fmt.Errorf("begin: %w", context.Canceled), nil},
		"who asked has no time left":    {fmt.Errorf("begin: %w", context.DeadlineExceeded), nil},
		"a full disk":                   {&mysql.MySQLError{Number: myDiskFull}, []int{7}},
		"a server that only reads":      {&mysql.MySQLError{Number: myReadOnly}, []int{7}},
		"a connection that was cut off": {fmt.Errorf("commit: %w", mysql.ErrInvalidConn), []int{7}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var probed []int
			w := &writes{fill: 7, probe: func(_ context.Context, fill int) error {
				probed = append(probed, fill)
				return nil
			}}
			w.note(nil)
			w.note(tt.err)
			require.NoError(t, w.check(t.Context()))
			assert.Equal(t, tt.want, probed)
		})
	}
}

// TestAFailureDuringAProbeIsProbedAgain: a small probe that goes through says nothing of a large transaction
// that failed while it ran.
func TestAFailureDuringAProbeIsProbedAgain(t *testing.T) {
	t.Parallel()
	w := &writes{fill: 7}
	w.probe = func(context.Context, int) error {
		w.note(&mysql.MySQLError{Number: myTableFull})
		return nil
	}
	require.NoError(t, w.check(t.Context()))
	assert.True(t, w.suspect)
}
