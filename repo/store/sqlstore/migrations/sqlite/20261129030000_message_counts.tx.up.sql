-- As on MySQL.
ALTER TABLE conversations ADD COLUMN counted_seq INTEGER NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE conversations ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE conversations ADD COLUMN message_seq INTEGER NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE conversations ADD COLUMN stored_at INTEGER NOT NULL DEFAULT 0;
--bun:split
CREATE TABLE IF NOT EXISTS message_skips (
    conversation_id TEXT    NOT NULL,
    seq_id          INTEGER NOT NULL,
    skipped         INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, seq_id)
) WITHOUT ROWID;
