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

func TestNewRefuses(t *testing.T) {
	h := start(t)
	bad := DefaultConfig()
	bad.PingInterval, bad.TrustedProxies, bad.AllowedOrigins, bad.IDPrefix = 0, []string{"x"}, []string{"nonsense"}, "a.b"
	_, err := New(bad, h.gw.deps)
	for _, want := range []string{"ping_interval", "trusted_proxies", "allowed_origins", "id_prefix"} {
		require.ErrorContains(t, err, want)
	}
	_, err = New(DefaultConfig(), Deps{})
	require.ErrorContains(t, err, "is missing")
	deps := h.gw.deps
	deps.Presence = nil
	_, err = New(DefaultConfig(), deps)
	require.ErrorContains(t, err, "Presence is missing")
}
