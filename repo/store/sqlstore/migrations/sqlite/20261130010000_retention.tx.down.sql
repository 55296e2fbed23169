DROP INDEX IF EXISTS ix_poison_records_at;
--bun:split
DROP INDEX IF EXISTS ix_conversations_kept;
--bun:split
ALTER TABLE conversations DROP COLUMN keep_ms;
--bun:split
ALTER TABLE conversations DROP COLUMN kept_at;
--bun:split
ALTER TABLE conversations DROP COLUMN expired_seq;
