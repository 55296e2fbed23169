DROP TABLE IF EXISTS message_skips;
--bun:split
ALTER TABLE conversations DROP COLUMN stored_at;
--bun:split
ALTER TABLE conversations DROP COLUMN message_seq;
--bun:split
ALTER TABLE conversations DROP COLUMN skipped;
--bun:split
ALTER TABLE conversations DROP COLUMN counted_seq;
