package contracts

import "strings"

// Topic names. The upstream topic's key is the conversation id.
const (
	TopicUpstream   = "im-upstream-topic"
	TopicStored     = "im-stored-topic"
	TopicFanout     = "im-task-large-group-fanout-topic"
	TopicPoison     = "im-poison-topic"
	downstreamStart = "im-downstream-topic-"
)

// TopicDownstream is the topic that only the gateway with this id reads.
func TopicDownstream(gatewayID string) string { return downstreamStart + gatewayID }

// GatewayOfTopic returns the gateway whose downstream topic this is.
func GatewayOfTopic(topic string) (string, bool) { return strings.CutPrefix(topic, downstreamStart) }

// Consumer groups.
const (
	GroupMessage = "gochat-message"
	GroupFanout  = "gochat-fanout"
	GroupWebhook = "gochat-webhook"
	GroupPoison  = "gochat-poison"
)

// Metadata keys of records, beside the partition key and the W3C trace context.
const (
	MetaSchema           = "schema_version"
	MetaOriginGateway    = "origin_gateway"
	MetaOriginConnection = "origin_connection"
	MetaTraceID          = "trace_id"
)

// Metadata keys that a record of the poison topic has besides those of the original record. Payload and UUID are those
// of the original record, which may be in the poison topic more than once.
const (
	// MetaPoisonStart is the prefix of the keys below. A poisoned record has MetaTraceID, too.
	MetaPoisonStart = "poison_"
	// MetaPoisonReason is one of the reasons below. Releases that had no MetaPoisonError wrote
	// the error's text here.
	MetaPoisonReason = "poison_reason"
	// MetaPoisonError is the error's text, at most 2 KiB, without the message's content.
	MetaPoisonError = "poison_error"
	// MetaPoisonTopic and MetaPoisonGroup are the topic that the record was read from, and the
	// consumer group that gave it up: another group may have handled it.
	MetaPoisonTopic = "poison_topic"
	MetaPoisonGroup = "poison_group"
	// MetaPoisonAt is when the group gave the record up, in Unix milliseconds.
	MetaPoisonAt = "poison_at"
	// MetaPoisonSender, MetaPoisonConversation and MetaPoisonTempMessage identify the record's message by the sender's
	// user id in decimal, the conversation id and the tempMessageId. They are missing when the record cannot be decoded
	// or is about no message.
	MetaPoisonSender       = "poison_sender"
	MetaPoisonConversation = "poison_conversation"
	MetaPoisonTempMessage  = "poison_temp_message_id"
	// MetaPoisonTold is what the sender was told: one of the words below.
	MetaPoisonTold = "poison_told"
)

// Why records are poisoned, the values of MetaPoisonReason.
const (
	// PoisonUndecodable: the payload is not what its topic carries.
	PoisonUndecodable = "undecodable"
	// PoisonPanic: the handler panicked each time.
	PoisonPanic = "panic"
	// PoisonTooLarge: handling the record alone publishes a record that is larger than the queue takes.
	PoisonTooLarge = "too_large"
	// PoisonRefused: a service said that trying again is useless.
	PoisonRefused = "refused"
	// PoisonUnforeseen: an error that is not of a dependency lasted longer than router.poison_after.
	PoisonUnforeseen = "unforeseen"
)

// What the sender of a poisoned record was told, the values of MetaPoisonTold.
const (
	// ToldNobody: there is no sender, or none that can be told. The record may be put back.
	ToldNobody = "nobody"
	// ToldStored: the message is in the database; what failed came after. The record may be
	// put back, which delivers the message again.
	ToldStored = "stored"
	// ToldRejected: the sender was told, or is about to be, that the message will never be
	// stored. The record must not be put back.
	ToldRejected = "rejected"
)

// SchemaVersion is the version of the protobuf payloads on all topics, SchemaNumber the same as a
// number. Fields that are added do not change it. A record of a higher version waits for a worker
// of a newer release.
const (
	SchemaVersion = "1"
	SchemaNumber  = 1
)
