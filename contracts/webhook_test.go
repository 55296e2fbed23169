package contracts_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// TestWebhookSignatures: the vectors are made by another program, and are what
// authors of receivers in other languages test with.
func TestWebhookSignatures(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("vectors/webhook/signatures.json")
	require.NoError(t, err)
	var vectors []struct {
		Name, Secret, Timestamp, Signature, Body string
		Valid                                    bool
	}
	require.NoError(t, json.Unmarshal(raw, &vectors))
	require.NotEmpty(t, vectors)
	for _, v := range vectors {
		assert.Equal(t, v.Valid, contracts.VerifyWebhook(v.Secret, v.Timestamp, v.Signature, []byte(v.Body)), v.Name)
	}
	first := vectors[0]
	assert.Equal(t, first.Signature, contracts.SignWebhook(first.Timestamp, []byte(first.Body), first.Secret))
	both := contracts.SignWebhook(first.Timestamp, []byte(first.Body), vectors[3].Secret, first.Secret)
	assert.Equal(t, vectors[3].Signature, both)
}
