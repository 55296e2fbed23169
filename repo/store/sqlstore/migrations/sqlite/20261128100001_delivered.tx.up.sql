-- A table of its own, as on MySQL, where its writes would wait for the rows of
-- conversation_members, which every stored message locks. Reading implies delivered.
CREATE TABLE IF NOT EXISTS delivered_positions (
    conversation_id TEXT    NOT NULL,
    user_id         INTEGER NOT NULL,
    delivered_seq   INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) WITHOUT ROWID;
