CREATE TABLE IF NOT EXISTS users (
    user_id       INTEGER PRIMARY KEY,
    username      TEXT    NOT NULL,
    username_key  TEXT    NOT NULL UNIQUE,
    nickname      TEXT    NOT NULL,
    avatar_url    TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    version       INTEGER NOT NULL DEFAULT 1
);
--bun:split
CREATE TABLE IF NOT EXISTS `groups` (
    group_id        INTEGER PRIMARY KEY,
    conversation_id TEXT    NOT NULL UNIQUE,
    name            TEXT    NOT NULL,
    announcement    TEXT    NOT NULL DEFAULT '',
    owner_id        INTEGER NOT NULL,
    member_count    INTEGER NOT NULL,
    join_policy     TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    dissolved_at    INTEGER NOT NULL DEFAULT 0
);
--bun:split
CREATE TABLE IF NOT EXISTS group_members (
    group_id  INTEGER NOT NULL,
    user_id   INTEGER NOT NULL,
    role      TEXT    NOT NULL,
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;
--bun:split
CREATE TABLE IF NOT EXISTS conversations (
    conversation_id TEXT    NOT NULL PRIMARY KEY,
    type            INTEGER NOT NULL,
    user_a          INTEGER NOT NULL DEFAULT 0,
    user_b          INTEGER NOT NULL DEFAULT 0,
    group_id        INTEGER NOT NULL DEFAULT 0,
    last_seq        INTEGER NOT NULL DEFAULT 0,
    last_message_at INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    dissolved_at    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
--bun:split
CREATE TABLE IF NOT EXISTS conversation_members (
    conversation_id TEXT    NOT NULL,
    user_id         INTEGER NOT NULL,
    join_seq        INTEGER NOT NULL DEFAULT 0,
    read_seq        INTEGER NOT NULL DEFAULT 0,
    left_seq        INTEGER,
    PRIMARY KEY (conversation_id, user_id)
) WITHOUT ROWID;
--bun:split
CREATE INDEX IF NOT EXISTS ix_conversation_members_user ON conversation_members (user_id);
--bun:split
CREATE TABLE IF NOT EXISTS messages (
    conversation_id TEXT    NOT NULL,
    seq_id          INTEGER NOT NULL,
    message_id      INTEGER NOT NULL,
    sender_id       INTEGER NOT NULL,
    client_msg_id   TEXT    NOT NULL,
    content         TEXT    NOT NULL,
    message_type    TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, seq_id)
) WITHOUT ROWID;
--bun:split
CREATE UNIQUE INDEX IF NOT EXISTS uq_messages_id ON messages (message_id);
--bun:split
CREATE UNIQUE INDEX IF NOT EXISTS uq_messages_client ON messages (sender_id, client_msg_id);
--bun:split
CREATE TABLE IF NOT EXISTS revoked_tokens (
    token_id   TEXT    NOT NULL PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
--bun:split
CREATE INDEX IF NOT EXISTS ix_revoked_tokens_expires ON revoked_tokens (expires_at);
--bun:split
INSERT OR IGNORE INTO conversations (conversation_id, type, last_message_at, created_at)
VALUES ('world', 3, CAST(strftime('%s', 'now') AS INTEGER) * 1000, CAST(strftime('%s', 'now') AS INTEGER) * 1000);
