package middleware

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What is kept and logged of an error says nothing of what people wrote.
func TestErrorsAreKeptWithoutContent(t *testing.T) {
	t.Parallel()
	const content = `meet "me" at the 🙂 bridge`
	for name, text := range map[string]string{
		"whole":                  `cannot store meet "me" at the 🙂 bridge in time`,
		"quoted":                 `cannot store "meet \"me\" at the 🙂 bridge"`,
		"the end, by a database": `Error 1366: Incorrect string value: '\xF0\x9F\x99\x82 b...' for column 'content' at row 1`,
		"a part, by a database":  `Error 1406: Data too long: 'at the 🙂' for column 'content'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := describe(errors.New(text), content)
			for _, word := range []string{"meet", "bridge", "🙂", `\xF0`, "at the"} {
				assert.NotContains(t, got, word)
			}
		})
	}
	assert.Equal(t, "save message: column 'seq_id' is 'x'", describe(errors.New("save message: column 'seq_id' is 'x'"), content))
	assert.LessOrEqual(t, len(describe(errors.New(strings.Repeat("ü", errorMax)), "x")), errorMax)
}
