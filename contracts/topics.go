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
)

// Metadata keys of records, beside the partition key and the W3C trace context.
const (
	MetaSchema           = "schema_version"
	MetaOriginGateway    = "origin_gateway"
	MetaOriginConnection = "origin_connection"
	// MetaPoisonReason and the next two are on records of the poison topic.
	MetaPoisonReason = "poison_reason"
	MetaPoisonTopic  = "poison_topic"
	MetaTraceID      = "trace_id"
)

// SchemaVersion is the version of the protobuf payloads on all topics.
const SchemaVersion = "1"
