CREATE TABLE IF NOT EXISTS messages_by_seq (
    conversation_id TEXT    NOT NULL,
    seq_id          INTEGER NOT NULL,
    message_id      INTEGER NOT NULL,
    sender_id       INTEGER NOT NULL,
    client_msg_id   TEXT    NOT NULL,
    content         TEXT    NOT NULL,
    message_type    TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    extra           TEXT,
    PRIMARY KEY (conversation_id, seq_id)
) WITHOUT ROWID;
--bun:split
INSERT OR IGNORE INTO messages_by_seq (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra)
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages ORDER BY conversation_id, seq_id;
--bun:split
DROP TABLE IF EXISTS messages;
--bun:split
ALTER TABLE messages_by_seq RENAME TO messages;
--bun:split
CREATE UNIQUE INDEX IF NOT EXISTS uq_messages_id ON messages (message_id);
--bun:split
CREATE UNIQUE INDEX IF NOT EXISTS uq_messages_client ON messages (sender_id, client_msg_id);
