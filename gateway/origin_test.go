package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrigins(t *testing.T) {
	listed, err := parseOrigins([]string{
		"https://chat.example.com", "http://LOCALHOST:5173/", "https://*.Example.org:443", "http://*.dev.example:3000", "capacitor://localhost",
		"http://[::1]:80", "http://127.0.0.1:3000",
	})
	require.NoError(t, err)
	for from, want := range map[string]bool{
		"": true, "http://me:81": true, "http://ME:81": true, "http://localhost:5173": true,
		"https://chat.example.com": true, "https://chat.example.com:443": true, "https://a.example.org": true, "https://a.b.example.org:443": true,
		"http://a.dev.example:3000": true, "capacitor://localhost": true, "http://[::1]": true, "http://127.0.0.1:3000": true,
		"http://chat.example.com": false, "https://chat.example.com.evil.org": false, "https://chat.example.com:80": false,
		"https://example.org": false, "https://.example.org": true, "http://a.example.org": false, "https://evilexample.org": false,
		"http://a.dev.example": false, "http://localhost": false, "capacitor://localhost:1": false, "http://me": false,
		"null": false, "://": false, "https://": false, "https://chat.example.com/": false, "https://chat.example.com#": false,
		"https://u@chat.example.com": false, "https://chat.example.com https://me:81": false, "https://*.example.org.": false,
	} {
		require.Equal(t, want, listed.mayConnect(from, "me:81"), from)
	}
	for _, bad := range []string{
		"", "example.com", "*.example.com", "https://", "https://*", "https://a.*.example.com", "https://*.*.example.com", "https://*x.example.com",
		"https://example.com/app", "https://example.com//", "https://example.com?x", "https://example.com?", "https://example.com#", "https://u@example.com", "https://example.com:*",
		"https://exämple.com", "https://exa mple.com", "wss://example.com", "ws://example.com", "null", "file://", "https://*.", "https://example.com:0", "https://example.com:65536", "https://example.com:0443",
	} {
		_, err := parseOrigins([]string{"https://good.example", bad})
		require.Error(t, err, bad)
		require.ErrorContains(t, err, bad)
	}
}
