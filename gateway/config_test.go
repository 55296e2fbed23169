package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTokensAreCheckedWithinAMinute: a setting that checks the tokens of open sockets less often is refused.
func TestTokensAreCheckedWithinAMinute(t *testing.T) {
	cfg := DefaultConfig()
	cfg.TokenCheckInterval = time.Minute
	require.NoError(t, cfg.Validate())
	cfg.TokenCheckInterval += time.Second
	require.ErrorContains(t, cfg.Validate(), "gateway.token_check_interval 1m1s")
}
