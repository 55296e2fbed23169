package app

import (
	"math"
	"time"

	"github.com/gochat/gochat/handlers/retention"
	"github.com/gochat/gochat/infra/conf"
)

// Bounds that many settings share. Most waits are bounded by long, since more than an hour is a mistake in the unit.
const (
	short  = time.Millisecond
	long   = time.Hour
	year   = 366 * 24 * time.Hour
	many   = 1 << 20
	most   = math.MaxInt32
	allMiB = 1 << 30
)

// Settings is the one table of settings: the purpose and the range of each, and whether a
// change takes effect while the process runs. A test compares it with Config. Rules for
// several settings together are in Config.Validate.
var Settings = append(settingsOfRoles, settingsOfServers...)

var settingsOfRoles = []conf.Spec{
	{Path: "data_dir", Local: true, About: "Directory of the embedded database, the message log and the secrets."},
	{Path: "environment", Local: true, About: "Name of the environment, which separates systems that share servers: it is put in front of all names at etcd (those of settings too), Kafka, Redis and Redis streams. 1 to 32 of a-z, 0-9 and -; empty: names have nothing in front."},
	{Path: "name", Local: true, About: "This replica's own name, the same after a restart. Empty: a free number is claimed, preferably that of a process of this host that has ended."},
	{Path: "worker_id", Local: true, Min: 0, Max: 1023, Unit: "id", About: "Number in this process's message ids, different in each process. With a registry a number is claimed there instead."},

	{Path: "auth.account_attempts", Reloads: true, Min: 1, Max: many, Unit: "attempts", About: "Wrong passwords that an account takes at once, from all addresses together that have not logged in to it lately."},
	{Path: "auth.account_window", Reloads: true, Min: time.Second, Max: year, About: "Time in which the attempts of auth.account_attempts are given back."},
	{Path: "auth.active_key", Reloads: true, About: "Id of the key that signs new tokens."},
	{Path: "auth.bcrypt_cost", Min: 4, Max: 16, Unit: "powers of 2", About: "Cost of new password hashes; each step doubles the time of a login."},
	{Path: "auth.hash_queue", Default: "64 for each of `auth.hash_workers`", Min: 1, Max: many, Unit: "passwords", About: "Passwords that may wait to be hashed. Above it the answer is unavailable."},
	{Path: "auth.hash_workers", Default: "one for each CPU", Min: 1, Max: 1024, Unit: "passwords", About: "Passwords that are hashed at the same time."},
	{Path: "auth.keys", Reloads: true, About: "Secrets that sign tokens, by key id, each of at least 32 bytes: k1=…,k2=…; all of them are accepted."},
	{Path: "auth.known_for", Reloads: true, Min: time.Second, Max: year, About: "How long an address that has logged in to an account is known to that account."},
	{Path: "auth.login_attempts", Reloads: true, Min: 1, Max: many, Unit: "attempts", About: "Wrong passwords that an account takes at once from one address."},
	{Path: "auth.login_window", Reloads: true, Min: time.Second, Max: year, About: "Time in which the attempts of auth.login_attempts are given back."},
	{Path: "auth.notify_timeout", Reloads: true, Min: short, Max: long, About: "Deadline for telling gateways to close sockets whose tokens were revoked."},
	{Path: "auth.token_ttl", Reloads: true, Min: time.Second, Max: 10 * year, About: "How long a token is valid; whole seconds."},

	{Path: "conversation.list_default", Reloads: true, Min: 1, Max: most, Unit: "conversations", About: "Conversations on a page when the client names no number."},
	{Path: "conversation.list_max", Reloads: true, Min: 1, Max: most, Unit: "conversations", About: "Conversations on a page at most."},
	{Path: "conversation.notify_timeout", Reloads: true, Min: short, Max: long, About: "Deadline for telling a user's sockets what changed."},
	{Path: "conversation.typing_group_max", Reloads: true, Min: 1, Max: most, Unit: "members", About: "Largest number of members of a group in which typing is passed on."},

	{Path: "gateway.listen", Local: true, About: "host:port of the HTTP API, the WebSocket and the web client."},
	{Path: "gateway.id_prefix", About: "Beginning of the gateway's id; the rest is made anew at every start."},
	{Path: "gateway.allowed_origins", Reloads: true, About: "Origins of browser applications beside the gateway's own: scheme://host[:port], scheme://*.host, or *."},
	{Path: "gateway.trusted_proxies", About: "Addresses or CIDRs of proxies that are trusted to tell the client's address."},
	{Path: "gateway.forwarded_by", About: "How trusted proxies tell the client's address: x-forwarded-for, forwarded (RFC 7239) or proxy-protocol."},
	{Path: "gateway.token_check_interval", Min: short, Max: time.Minute, About: "Time within which the token of each open socket is checked again. A socket that a logout did not reach is closed within it."},
	{Path: "gateway.ping_interval", Min: 10 * short, Max: long, About: "How often a client pings; after three intervals of silence its socket is closed."},
	{Path: "gateway.slow_timeout", Min: short, Max: long, About: "How long a socket's queue may stay full without any progress before the socket is closed."},
	{Path: "gateway.close_grace", Min: short, Max: time.Minute, About: "How long the close handshake of a socket may take."},
	{Path: "gateway.drain_timeout", Min: 100 * short, Max: long, About: "Deadline of the gateway's stop: what was read is acknowledged, and all sockets are closed."},
	{Path: "gateway.retry_spread", Min: short, Max: long, About: "Width of the random delay after which a client whose socket is closed may reconnect."},
	{Path: "gateway.rpc_timeout", Min: short, Max: long, About: "Deadline of every call to a service."},
	{Path: "gateway.send_timeout", Min: short, Max: long, About: "How long POST /api/messages waits for the message to be stored."},
	{Path: "gateway.publish_timeout", Min: short, Max: long, About: "Deadline of one batch of sends to the message queue."},
	{Path: "gateway.start_timeout", Min: short, Max: long, About: "How long a start waits for the session registry and for the gateway's topic."},
	{Path: "gateway.read_timeout", Min: short, Max: long, About: "Deadline for reading one HTTP request, headers and body."},
	{Path: "gateway.write_timeout", Min: short, Max: long, About: "Deadline for writing one HTTP answer."},
	{Path: "gateway.idle_timeout", Min: short, Max: long, About: "How long an HTTP connection may wait for its next request."},
	{Path: "gateway.body_limit", Min: 1 << 10, Max: allMiB, Unit: "bytes", About: "Bytes of an HTTP request's body at most."},
	{Path: "gateway.frame_limit", Min: 1 << 10, Max: allMiB, Unit: "bytes", About: "Bytes of a WebSocket message from a client at most."},
	{Path: "gateway.header_limit", Min: 1 << 10, Max: 1 << 20, Unit: "bytes", About: "Bytes of an HTTP request's first line and headers; above it the answer is 431."},
	{Path: "gateway.serve_ops", About: "Serve /readyz and /metrics on the gateway's port even when its address is not on loopback."},
	{Path: "gateway.queue_frames", Min: 1, Max: many, Unit: "frames", About: "Frames that may wait for one socket."},
	{Path: "gateway.queue_bytes", Min: 1 << 10, Max: allMiB, Unit: "bytes", About: "Bytes that may wait for one socket."},
	{Path: "gateway.kernel_buffer", Min: 1 << 10, Max: allMiB, Unit: "bytes", About: "Bytes of a socket's send buffer in the kernel."},
	{Path: "gateway.unacked_sends", Min: 1, Max: many, Unit: "sends", About: "Sends of one socket that may wait for their message-ack. At that number the socket is not read until one is acknowledged."},
	{Path: "gateway.upstream_queue", Min: 1, Max: many, Unit: "sends", About: "Sends of all sockets together that may wait for the message queue."},
	{Path: "gateway.beat_interval", Min: short, Max: 12*time.Second - 1, About: "How often the gateway tells the session registry that it lives. After 12s without, it counts as dead."},
	{Path: "gateway.session_refresh", Min: short, Max: 30 * time.Minute, About: "How often sessions are put into the registry again, where they expire after 30 minutes."},
	{Path: "gateway.device_refresh", Min: short, Max: 24 * time.Hour, About: "How often the device of an open socket is noted as seen."},
	{Path: "gateway.receipt_interval", Min: short, Max: time.Minute, About: "How long receipts are gathered before they are passed on together."},
	{Path: "gateway.presence_interval", Min: short, Max: time.Minute, About: "How often the gateway asks about watched users whose presence is not known, or whose changes are not announced: beside gateways of an older release, and while the session registry is being filled again."},

	{Path: "group.announce_timeout", Reloads: true, Min: short, Max: long, About: "Deadline for announcing a change of a group. What misses it is announced by the janitor later."},
	{Path: "group.whole_history", Reloads: true, About: "New members of a group may read the messages from before they joined."},

	{Path: "janitor.grace", Min: short, Max: 24 * time.Hour, About: "How long a gateway must be dead before its topic is deleted. It must be longer than an outage of the cache."},
	{Path: "janitor.interval", Min: short, Max: long, About: "Time between two rounds of chores."},
	{Path: "janitor.timeout", Min: short, Max: long, About: "Deadline of one round of chores."},

	{Path: "limits.username_min", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a username at least."},
	{Path: "limits.username_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a username at most."},
	{Path: "limits.password_min", Reloads: true, Min: 1, Max: 72, Unit: "bytes", About: "Bytes of a password at least."},
	{Path: "limits.password_max", Reloads: true, Min: 1, Max: 72, Unit: "bytes", About: "Bytes of a password at most; bcrypt reads no more than 72."},
	{Path: "limits.nickname_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a nickname at most."},
	{Path: "limits.avatar_url_max", Reloads: true, Min: 0, Max: 1 << 16, Unit: "characters", About: "Characters of an avatar's URL at most; 0: there are no avatars."},
	{Path: "limits.content_max", Reloads: true, Min: 1, Max: many, Unit: "bytes", About: "Bytes of a message's content at most."},
	{Path: "limits.temp_message_id", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a tempMessageId at most."},
	{Path: "limits.history_max", Reloads: true, Min: 1, Max: 1 << 16, Unit: "messages", About: "Messages on a page of history at most."},
	{Path: "limits.history_default", Reloads: true, Min: 1, Max: 1 << 16, Unit: "messages", About: "Messages on a page of history when the client names no number."},
	{Path: "limits.device_id_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a device id at most."},
	{Path: "limits.sync_conversations", Reloads: true, Min: 1, Max: many, Unit: "conversations", About: "Conversations that one sync may name."},
	{Path: "limits.mentions", Reloads: true, Min: 0, Max: 1 << 10, Unit: "users", About: "Users that one message may mention."},
	{Path: "limits.reaction_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "bytes", About: "Bytes of a reaction at most."},
	{Path: "limits.group_name_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a group's name at most."},
	{Path: "limits.announcement_max", Reloads: true, Min: 0, Max: 1 << 16, Unit: "characters", About: "Characters of a group's announcement at most; 0: there are no announcements."},
	{Path: "limits.group_add_max", Reloads: true, Min: 1, Max: 1 << 16, Unit: "users", About: "Users that one call may add to a group."},
	{Path: "limits.group_members_max", Reloads: true, Min: 1, Max: most, Unit: "members", About: "Members of one group at most."},
	{Path: "limits.frames_per_second", Reloads: true, Min: 1, Max: many, Unit: "frames a second", About: "Frames that one socket may send a second."},
	{Path: "limits.frames_burst", Reloads: true, Min: 1, Max: many, Unit: "frames", About: "Frames that one socket may send at once."},
	{Path: "limits.flood_frames", Reloads: true, Min: 1, Max: many, Unit: "frames", About: "Frames that may be refused within 10s before the socket is closed with 4008."},
	{Path: "limits.auth_per_minute", Reloads: true, Min: 1, Max: many, Unit: "attempts a minute", About: "Registrations and logins of one address a minute, on all gateways; an address may be a whole office's."},
	{Path: "limits.handshakes_per_second", Reloads: true, Min: 1, Max: many, Unit: "handshakes a second", About: "WebSocket handshakes of one address a second, on all gateways."},
	{Path: "limits.calls_per_second", Reloads: true, Min: 1, Max: many, Unit: "calls a second", About: "HTTP calls that one user may make a second, on all gateways."},
	{Path: "limits.calls_burst", Reloads: true, Min: 1, Max: many, Unit: "calls", About: "HTTP calls that one user may make at once, on all gateways."},
	{Path: "limits.sends_per_second", Reloads: true, Min: 1, Max: many, Unit: "sends a second", About: "Messages that one user may send a second, by all sockets and calls on all gateways."},
	{Path: "limits.sends_burst", Reloads: true, Min: 1, Max: many, Unit: "sends", About: "Messages that one user may send at once, by all sockets and calls on all gateways."},
	{Path: "limits.shared_timeout", Reloads: true, Min: short, Max: time.Second, About: "Deadline of a call for tokens of the limits that all gateways share. Without an answer each gateway counts by itself."},
	{Path: "limits.sockets_per_user", Reloads: true, Min: 1, Max: many, Unit: "sockets", About: "Open sockets of one user on one gateway."},

	{Path: "message.edit_window", Reloads: true, Min: time.Duration(0), Max: 10 * year, About: "How long after sending a message its sender may edit it; 0: never."},
	{Path: "message.recall_window", Reloads: true, Min: time.Duration(0), Max: 10 * year, About: "How long after sending a message its sender may recall it; 0: never."},

	{Path: "retention.single", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "How long the contents of messages in single chats are kept; 0: for ever. A conversation may have a time of its own (gochat retention)."},
	{Path: "retention.group", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "How long the contents of messages in groups are kept; 0: for ever."},
	{Path: "retention.world", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "How long the contents of messages in world are kept; 0: for ever."},
	{Path: "retention.poison", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "How long poisoned records are kept that nobody has requeued; 0: until somebody requeues or drops them."},
	{Path: "retention.webhook_attempts", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "How long the last failure of a webhook's receiver is kept; 0: for ever."},
	{Path: "retention.interval", Reloads: true, Min: short, Max: 24 * time.Hour, About: "Time between two rounds of the retention."},
	{Path: "retention.batch", Reloads: true, Min: 1, Max: retention.MaxBatch, Unit: "messages", About: "Messages or records that the retention takes in one transaction."},
	{Path: "retention.pause", Reloads: true, Min: time.Duration(0), Max: long, About: "Pause between two transactions of the retention, in which others may write."},
	{Path: "retention.timeout", Reloads: true, Min: short, Max: long, About: "Deadline of one transaction of the retention."},

	{Path: "router.drain_timeout", Min: short, Max: long, About: "How long a worker's stop waits for work in flight."},
	{Path: "router.group_limit", Min: 1, Max: 1 << 16, Unit: "members", About: "Largest number of members of a group that the message pipeline delivers to by itself; larger groups are the fanout role's."},
	{Path: "router.lanes", Min: 1, Max: 1 << 10, Unit: "lanes", About: "Runs of messages that one process handles at the same time. All messages of a conversation are in one lane, and a lane has the messages of many conversations."},
	{Path: "router.poison_after", Min: time.Duration(0), Max: year, About: "How long a run may fail by an unforeseen error, which is no dependency's, before the message at fault goes to the poison topic; 0: for ever."},
	{Path: "router.retries", Min: 0, Max: 1000, Unit: "retries", About: "Retries before a run goes back to its lane, which tries again."},
	{Path: "router.retry_pause", Min: short, Max: time.Minute, About: "Pause before the first retry; it doubles with each further one."},
	{Path: "router.retry_pause_max", Min: short, Max: long, About: "The longest pause between two retries."},
	{Path: "router.run", Min: 1, Max: 8192, Unit: "messages", About: "Queued messages of a lane that are handled together at most."},

	{Path: "webhook.hooks", Reloads: true, About: "Receivers of stored messages: name=url, several with commas between them."},
	{Path: "webhook.secrets", Reloads: true, About: "Secrets that sign the requests to a hook, by its name, each of at least 32 bytes."},
	{Path: "webhook.old_secrets", Reloads: true, About: "Secrets that sign requests as well, while a receiver changes to a new secret."},
	{Path: "webhook.from_start", Reloads: true, About: "Hooks that begin with the oldest message that is stored. Others begin with the messages of a minute before their first start."},
	{Path: "webhook.in_flight", Reloads: true, Min: 1, Max: 256, Unit: "conversations", About: "Conversations that a process sends to one receiver at the same time."},
	{Path: "webhook.batch", Reloads: true, Min: 1, Max: 1000, Unit: "messages", About: "Messages in one request at most."},
	{Path: "webhook.batch_bytes", Reloads: true, Min: 1, Max: 16 << 20, Unit: "bytes", About: "Bytes of contents in one request at most; a single larger message goes alone."},
	{Path: "webhook.timeout", Reloads: true, Min: short, Max: 5 * time.Minute, About: "How long a receiver may take to answer."},
	{Path: "webhook.backoff", Reloads: true, Min: short, Max: 24 * time.Hour, About: "Pause after the first failure; it doubles with each further one."},
	{Path: "webhook.backoff_max", Reloads: true, Min: short, Max: 24 * time.Hour, About: "The longest pause between two tries."},
	{Path: "webhook.scan_interval", Reloads: true, Min: time.Second, Max: 24 * time.Hour, About: "Longest time between two scans of all conversations, which find messages whose events were lost."},
	{Path: "webhook.allow_http", Reloads: true, About: "Allow receivers without TLS that are not on this machine. Whoever is on the way can read the messages."},
}
