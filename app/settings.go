package app

import (
	"math"
	"time"

	"github.com/gochat/gochat/handlers/retention"
	"github.com/gochat/gochat/infra/conf"
)

// Bounds that many settings share. A wait of more than an hour is a mistake in a unit.
const (
	short  = time.Millisecond
	long   = time.Hour
	year   = 366 * 24 * time.Hour
	many   = 1 << 20
	most   = math.MaxInt32
	allMiB = 1 << 30
)

// Settings is the one table of settings: what each is for, what it may be, and whether
// it is read again while the process runs. A test holds it against Config. What several
// settings must be together is for Config.Validate.
var Settings = append(settingsOfRoles, settingsOfServers...)

var settingsOfRoles = []conf.Spec{
	{Path: "data_dir", Local: true, About: "Directory of the embedded database, the message log and the secrets."},
	{Path: "environment", Local: true, About: "Keeps environments apart on the same servers: starts all names at etcd (those of settings too), Kafka, Redis and Redis streams; 1 to 32 of a-z, 0-9 and -; empty: names are without it."},
	{Path: "name", Local: true, About: "This replica's own name, the same after a restart; empty: a free number, that of a dead process of this place before others."},
	{Path: "worker_id", Local: true, Min: 0, Max: 1023, Unit: "id", About: "Makes this process's ids differ from those of others; with a registry one is claimed there instead."},

	{Path: "auth.account_attempts", Reloads: true, Min: 1, Max: many, Unit: "attempts", About: "Wrong passwords that an account takes at once from all addresses that have not logged in to it lately."},
	{Path: "auth.account_window", Reloads: true, Min: time.Second, Max: year, About: "Within this time those attempts come back."},
	{Path: "auth.active_key", Reloads: true, About: "Id of the key that signs new tokens."},
	{Path: "auth.bcrypt_cost", Min: 4, Max: 16, Unit: "powers of 2", About: "Cost of new password hashes; each step doubles the time of a login."},
	{Path: "auth.hash_queue", Default: "64 for each of `auth.hash_workers`", Min: 1, Max: many, Unit: "passwords", About: "Passwords that may wait to be hashed; beyond it the answer is unavailable."},
	{Path: "auth.hash_workers", Default: "one for each CPU", Min: 1, Max: 1024, Unit: "passwords", About: "Passwords that are hashed at the same time."},
	{Path: "auth.keys", Reloads: true, About: "Secrets that sign tokens, by key id, each of at least 32 bytes: k1=…,k2=…; all of them are accepted."},
	{Path: "auth.known_for", Reloads: true, Min: time.Second, Max: year, About: "For so long an address is known that has logged in to an account."},
	{Path: "auth.login_attempts", Reloads: true, Min: 1, Max: many, Unit: "attempts", About: "Wrong passwords that an account takes at once from one address."},
	{Path: "auth.login_window", Reloads: true, Min: time.Second, Max: year, About: "Within this time those attempts come back."},
	{Path: "auth.notify_timeout", Reloads: true, Min: short, Max: long, About: "Bounds the notification of sockets."},
	{Path: "auth.token_ttl", Reloads: true, Min: time.Second, Max: 10 * year, About: "For so long a token is valid; whole seconds."},

	{Path: "conversation.list_default", Reloads: true, Min: 1, Max: most, Unit: "conversations", About: "Conversations a page when the client does not say."},
	{Path: "conversation.list_max", Reloads: true, Min: 1, Max: most, Unit: "conversations", About: "Conversations a page at most."},
	{Path: "conversation.notify_timeout", Reloads: true, Min: short, Max: long, About: "Bounds the notification of sockets."},
	{Path: "conversation.typing_group_max", Reloads: true, Min: 1, Max: most, Unit: "members", About: "Members of a group up to which typing is passed on."},

	{Path: "gateway.listen", Local: true, About: "host:port of the HTTP API, the WebSocket and the web client."},
	{Path: "gateway.id_prefix", About: "Starts the gateway's id; the rest is made anew at every start."},
	{Path: "gateway.allowed_origins", Reloads: true, About: "Origins of browser applications beside the gateway's own: scheme://host[:port], scheme://*.host, or *."},
	{Path: "gateway.trusted_proxies", About: "Addresses or CIDRs of proxies whose word on the client's address is believed."},
	{Path: "gateway.forwarded_by", About: "How trusted proxies tell the client's address: x-forwarded-for, forwarded (RFC 7239) or proxy-protocol."},
	{Path: "gateway.token_check_interval", Min: short, Max: time.Minute, About: "How often it is asked whether the tokens of the open sockets are still good: a logout that did not reach a socket closes it after that at the latest."},
	{Path: "gateway.ping_interval", Min: 10 * short, Max: long, About: "How often a client pings; after three intervals of silence its socket is closed."},
	{Path: "gateway.slow_timeout", Min: short, Max: long, About: "For so long a socket's queue may stay full without any progress."},
	{Path: "gateway.close_grace", Min: short, Max: time.Minute, About: "For so long a socket that is being closed may take to say goodbye."},
	{Path: "gateway.drain_timeout", Min: 100 * short, Max: long, About: "Bounds the stop of the gateway: acknowledgements of what was read, and the closing of all sockets."},
	{Path: "gateway.retry_spread", Min: short, Max: long, About: "Width of the random delay after which a closed client is told to come back."},
	{Path: "gateway.rpc_timeout", Min: short, Max: long, About: "Bounds every call to a service."},
	{Path: "gateway.send_timeout", Min: short, Max: long, About: "For so long POST /api/messages waits for its outcome."},
	{Path: "gateway.publish_timeout", Min: short, Max: long, About: "Bounds one batch of sends to the queue."},
	{Path: "gateway.start_timeout", Min: short, Max: long, About: "Bounds the wait for the registry of sessions at a start."},
	{Path: "gateway.read_timeout", Min: short, Max: long, About: "Bounds the reading of one HTTP request, headers and body."},
	{Path: "gateway.write_timeout", Min: short, Max: long, About: "Bounds the writing of one HTTP answer."},
	{Path: "gateway.idle_timeout", Min: short, Max: long, About: "For so long an HTTP connection may wait for its next request."},
	{Path: "gateway.body_limit", Min: 1 << 10, Max: allMiB, Unit: "bytes", About: "Bytes of an HTTP request's body."},
	{Path: "gateway.frame_limit", Min: 1 << 10, Max: allMiB, Unit: "bytes", About: "Bytes of a WebSocket message from a client."},
	{Path: "gateway.header_limit", Min: 1 << 10, Max: 1 << 20, Unit: "bytes", About: "Bytes of an HTTP request's first line and headers; above it the answer is 431."},
	{Path: "gateway.serve_ops", About: "/readyz and /metrics are on the gateway's port, too, when that is not a loopback address."},
	{Path: "gateway.queue_frames", Min: 1, Max: many, Unit: "frames", About: "Frames that may wait for one socket."},
	{Path: "gateway.queue_bytes", Min: 1 << 10, Max: allMiB, Unit: "bytes", About: "Bytes that may wait for one socket."},
	{Path: "gateway.kernel_buffer", Min: 1 << 10, Max: allMiB, Unit: "bytes", About: "Bytes of a socket's send buffer in the kernel."},
	{Path: "gateway.unacked_sends", Min: 1, Max: many, Unit: "sends", About: "Sends of one socket that may wait for their ack; beyond it the socket is not read."},
	{Path: "gateway.upstream_queue", Min: 1, Max: many, Unit: "sends", About: "Sends of all sockets that may wait for the queue."},
	{Path: "gateway.beat_interval", Min: short, Max: 12*time.Second - 1, About: "How often the gateway says that it lives; it is forgotten after 12s."},
	{Path: "gateway.session_refresh", Min: short, Max: 30 * time.Minute, About: "How often sessions are put again; they expire after 30 minutes."},
	{Path: "gateway.device_refresh", Min: short, Max: 24 * time.Hour, About: "How often the device of an open socket is noted as seen."},
	{Path: "gateway.receipt_interval", Min: short, Max: time.Minute, About: "For so long receipts are gathered before they are passed on."},
	{Path: "gateway.presence_interval", Min: short, Max: time.Minute, About: "How often it is asked who is online of those that sockets watch."},

	{Path: "group.announce_timeout", Reloads: true, Min: short, Max: long, About: "Bounds the announcement of a change; the janitor announces later what is not announced then."},
	{Path: "group.whole_history", Reloads: true, About: "New members read what was before them."},

	{Path: "janitor.grace", Min: short, Max: 24 * time.Hour, About: "For so long a gateway must be dead before its topic goes; longer than an outage of the cache."},
	{Path: "janitor.interval", Min: short, Max: long, About: "Time between two rounds of chores."},
	{Path: "janitor.timeout", Min: short, Max: long, About: "Bounds one round."},

	{Path: "limits.username_min", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a username at least."},
	{Path: "limits.username_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a username at most."},
	{Path: "limits.password_min", Reloads: true, Min: 1, Max: 72, Unit: "bytes", About: "Bytes of a password at least."},
	{Path: "limits.password_max", Reloads: true, Min: 1, Max: 72, Unit: "bytes", About: "Bytes of a password at most; bcrypt reads no more than 72."},
	{Path: "limits.nickname_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a nickname."},
	{Path: "limits.avatar_url_max", Reloads: true, Min: 0, Max: 1 << 16, Unit: "characters", About: "Characters of an avatar's URL; 0: there are no avatars."},
	{Path: "limits.content_max", Reloads: true, Min: 1, Max: many, Unit: "bytes", About: "Bytes of a message's content."},
	{Path: "limits.temp_message_id", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a tempMessageId."},
	{Path: "limits.history_max", Reloads: true, Min: 1, Max: 1 << 16, Unit: "messages", About: "Messages a page of history at most."},
	{Path: "limits.history_default", Reloads: true, Min: 1, Max: 1 << 16, Unit: "messages", About: "Messages a page of history when the client does not say."},
	{Path: "limits.device_id_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a device id."},
	{Path: "limits.sync_conversations", Reloads: true, Min: 1, Max: many, Unit: "conversations", About: "Conversations that one sync may name."},
	{Path: "limits.mentions", Reloads: true, Min: 0, Max: 1 << 10, Unit: "users", About: "Users that one message may mention."},
	{Path: "limits.reaction_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "bytes", About: "Bytes of a reaction."},
	{Path: "limits.group_name_max", Reloads: true, Min: 1, Max: 1 << 10, Unit: "characters", About: "Characters of a group's name."},
	{Path: "limits.announcement_max", Reloads: true, Min: 0, Max: 1 << 16, Unit: "characters", About: "Characters of a group's announcement; 0: there are none."},
	{Path: "limits.group_add_max", Reloads: true, Min: 1, Max: 1 << 16, Unit: "users", About: "Users that one call may add to a group."},
	{Path: "limits.group_members_max", Reloads: true, Min: 1, Max: most, Unit: "members", About: "Members of one group."},
	{Path: "limits.frames_per_second", Reloads: true, Min: 1, Max: many, Unit: "frames a second", About: "Frames that one socket may send a second."},
	{Path: "limits.frames_burst", Reloads: true, Min: 1, Max: many, Unit: "frames", About: "Frames that one socket may send at once."},
	{Path: "limits.flood_frames", Reloads: true, Min: 1, Max: many, Unit: "frames", About: "Frames that may be refused within 10s before the socket is closed with 4008."},
	{Path: "limits.auth_per_minute", Reloads: true, Min: 1, Max: many, Unit: "attempts a minute", About: "Registrations and logins of one address a minute, on all gateways; an address may be a whole office's."},
	{Path: "limits.handshakes_per_second", Reloads: true, Min: 1, Max: many, Unit: "handshakes a second", About: "WebSocket handshakes of one address a second, on all gateways."},
	{Path: "limits.calls_per_second", Reloads: true, Min: 1, Max: many, Unit: "calls a second", About: "HTTP calls of one user a second, on all gateways."},
	{Path: "limits.calls_burst", Reloads: true, Min: 1, Max: many, Unit: "calls", About: "HTTP calls of one user at once."},
	{Path: "limits.sends_per_second", Reloads: true, Min: 1, Max: many, Unit: "sends a second", About: "Sends of one user a second, by all sockets and calls on all gateways."},
	{Path: "limits.sends_burst", Reloads: true, Min: 1, Max: many, Unit: "sends", About: "Sends of one user at once."},
	{Path: "limits.shared_timeout", Reloads: true, Min: short, Max: time.Second, About: "Bounds a call to what all gateways count together; without an answer each counts by itself."},
	{Path: "limits.sockets_per_user", Reloads: true, Min: 1, Max: many, Unit: "sockets", About: "Open sockets of one user on one gateway."},

	{Path: "message.edit_window", Reloads: true, Min: time.Duration(0), Max: 10 * year, About: "For so long a message may be edited by its sender; 0: never."},
	{Path: "message.recall_window", Reloads: true, Min: time.Duration(0), Max: 10 * year, About: "For so long a message may be recalled by its sender; 0: never."},

	{Path: "retention.single", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "For so long single chats keep what messages say; 0: for ever. A conversation may have a time of its own (gochat retention)."},
	{Path: "retention.group", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "For so long groups keep what messages say; 0: for ever."},
	{Path: "retention.world", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "For so long world keeps what messages say; 0: for ever."},
	{Path: "retention.poison", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "For so long poisoned records are kept that nobody wants back; 0: until somebody decides."},
	{Path: "retention.webhook_attempts", Reloads: true, Min: time.Duration(0), Max: 100 * year, About: "For so long it is kept what the receiver of a webhook failed with last; 0: for ever."},
	{Path: "retention.interval", Reloads: true, Min: short, Max: 24 * time.Hour, About: "Time between two rounds that take away what was kept long enough."},
	{Path: "retention.batch", Reloads: true, Min: 1, Max: retention.MaxBatch, Unit: "messages", About: "Messages or records that go in one transaction."},
	{Path: "retention.pause", Reloads: true, Min: time.Duration(0), Max: long, About: "Pause between two of those transactions, in which others write."},
	{Path: "retention.timeout", Reloads: true, Min: short, Max: long, About: "Bounds one of those transactions."},

	{Path: "router.drain_timeout", Min: short, Max: long, About: "For so long a worker's stop waits for work in flight."},
	{Path: "router.group_limit", Min: 1, Max: 1 << 16, Unit: "members", About: "Members of a group up to which the message pipeline delivers by itself."},
	{Path: "router.lanes", Min: 1, Max: 1 << 10, Unit: "lanes", About: "Runs of messages that one process handles at the same time; a conversation is always in the same lane, and lanes have many."},
	{Path: "router.poison_after", Min: time.Duration(0), Max: year, About: "For so long a run may fail by errors that are no dependency's until the message at fault goes to the poison topic; 0: for ever."},
	{Path: "router.retries", Min: 0, Max: 1000, Unit: "retries", About: "Retries before a run goes back to its lane, which tries again."},
	{Path: "router.retry_pause", Min: short, Max: time.Minute, About: "Pause before the first retry; it doubles."},
	{Path: "router.retry_pause_max", Min: short, Max: long, About: "The longest pause between two retries."},
	{Path: "router.run", Min: 1, Max: 8192, Unit: "messages", About: "Queued messages of a lane that go through together."},

	{Path: "webhook.hooks", Reloads: true, About: "Receivers of stored messages: name=url, several with commas between them."},
	{Path: "webhook.secrets", Reloads: true, About: "Secrets that sign what a hook is sent, by its name, each of at least 32 bytes."},
	{Path: "webhook.old_secrets", Reloads: true, About: "Secrets that sign as well, while receivers change to a new one."},
	{Path: "webhook.from_start", Reloads: true, About: "Hooks that begin with all messages that are there; others begin a minute before their first start."},
	{Path: "webhook.in_flight", Reloads: true, Min: 1, Max: 256, Unit: "conversations", About: "Conversations that a process sends to one receiver at a time."},
	{Path: "webhook.batch", Reloads: true, Min: 1, Max: 1000, Unit: "messages", About: "Messages of one request."},
	{Path: "webhook.batch_bytes", Reloads: true, Min: 1, Max: 16 << 20, Unit: "bytes", About: "Bytes of the contents of one request, but for a single message."},
	{Path: "webhook.timeout", Reloads: true, Min: short, Max: 5 * time.Minute, About: "For so long a receiver may take to answer."},
	{Path: "webhook.backoff", Reloads: true, Min: short, Max: 24 * time.Hour, About: "Pause after the first failure; it doubles."},
	{Path: "webhook.backoff_max", Reloads: true, Min: short, Max: 24 * time.Hour, About: "The longest pause between two tries."},
	{Path: "webhook.scan_interval", Reloads: true, Min: time.Second, Max: 24 * time.Hour, About: "Time between two looks at all conversations for news that no event has told of."},
	{Path: "webhook.allow_http", Reloads: true, About: "Receivers beyond this machine may be without TLS: whoever is on the way reads what people wrote."},
}
