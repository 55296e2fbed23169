-- Sends whose senders were told that they will never be stored.
CREATE TABLE IF NOT EXISTS refused_sends (
    sender_id     INTEGER NOT NULL,
    client_msg_id TEXT    NOT NULL,
    refused_at    INTEGER NOT NULL,
    PRIMARY KEY (sender_id, client_msg_id)
) WITHOUT ROWID;
--bun:split
CREATE INDEX IF NOT EXISTS refused_sends_at ON refused_sends (refused_at);
