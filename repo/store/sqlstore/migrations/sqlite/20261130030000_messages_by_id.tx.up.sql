-- Ids grow with time, so that a table in their order is written at its end, whatever the number of
-- conversations. In the order of the conversations each message went to a page of its own: with 5,000
-- conversations and a million messages a row cost nearly twice as much. The columns are in the order of
-- before, and of MySQL's table: exports have them so.
DROP TABLE IF EXISTS messages_by_id;
--bun:split
CREATE TABLE IF NOT EXISTS messages_by_id (
    conversation_id TEXT    NOT NULL,
    seq_id          INTEGER NOT NULL,
    message_id      INTEGER NOT NULL PRIMARY KEY,
    sender_id       INTEGER NOT NULL,
    client_msg_id   TEXT    NOT NULL,
    content         TEXT    NOT NULL,
    message_type    TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    extra           TEXT
);
--bun:split
--gochat:parts message_id
INSERT OR IGNORE INTO messages_by_id (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra)
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages;
--bun:split
DROP TABLE IF EXISTS messages;
--bun:split
ALTER TABLE messages_by_id RENAME TO messages;
--bun:split
CREATE UNIQUE INDEX IF NOT EXISTS uq_messages_seq ON messages (conversation_id, seq_id);
--bun:split
CREATE UNIQUE INDEX IF NOT EXISTS uq_messages_client ON messages (sender_id, client_msg_id);
