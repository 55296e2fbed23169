package contracts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Headers of a webhook's request.
const (
	// HeaderWebhookTimestamp is when the request was made, in Unix milliseconds.
	HeaderWebhookTimestamp = "X-GoChat-Timestamp"
	// HeaderWebhookSignature is v1=<hex>, several with commas between them while a
	// secret is being changed: a receiver looks for one that is right.
	HeaderWebhookSignature = "X-GoChat-Signature"
	// HeaderWebhookDelivery is the delivery's id, which is in the body as well.
	HeaderWebhookDelivery = "X-GoChat-Delivery"
)

// WebhookBatch is the body of a webhook's request: messages of one conversation,
// ascending without a gap. A batch without messages is a test.
type WebhookBatch struct {
	Hook string `json:"hook"`
	// DeliveryID stays the same when messages are sent again because the receiver did not take them; a replay makes a
	// new one.
	DeliveryID     string        `json:"deliveryId"`
	ConversationID string        `json:"conversationId"`
	Messages       []MessageData `json:"messages"`
}

const webhookVersion = "v1="

// SignWebhook returns the signature header of a body: HMAC-SHA256 of
// timestamp + "." + body, by each secret.
func SignWebhook(timestamp string, body []byte, secrets ...string) string {
	parts := make([]string, len(secrets))
	for i, secret := range secrets {
		parts[i] = webhookVersion + hex.EncodeToString(webhookMAC(secret, timestamp, body))
	}
	return strings.Join(parts, ",")
}

// VerifyWebhook reports whether one of the header's signatures is right. It does not check the age of the timestamp: the
// receiver must.
func VerifyWebhook(secret, timestamp, signature string, body []byte) bool {
	want := webhookMAC(secret, timestamp, body)
	for one := range strings.SplitSeq(signature, ",") {
		text, versioned := strings.CutPrefix(strings.TrimSpace(one), webhookVersion)
		got, err := hex.DecodeString(text)
		if versioned && err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}

func webhookMAC(secret, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp)) // a hash never fails
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}
