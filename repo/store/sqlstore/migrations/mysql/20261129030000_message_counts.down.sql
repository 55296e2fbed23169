DROP TABLE IF EXISTS message_skips;

--bun:split

ALTER TABLE conversations
    DROP COLUMN stored_at, DROP COLUMN message_seq, DROP COLUMN skipped, DROP COLUMN counted_seq;
