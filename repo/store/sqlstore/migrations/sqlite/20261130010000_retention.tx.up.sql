-- As on MySQL.
ALTER TABLE conversations ADD COLUMN expired_seq INTEGER NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE conversations ADD COLUMN kept_at INTEGER NOT NULL DEFAULT 1;
--bun:split
ALTER TABLE conversations ADD COLUMN keep_ms INTEGER NOT NULL DEFAULT -1;
--bun:split
CREATE INDEX IF NOT EXISTS ix_conversations_kept ON conversations (type, keep_ms, kept_at);
--bun:split
CREATE INDEX IF NOT EXISTS ix_poison_records_at ON poison_records (poisoned_at);
