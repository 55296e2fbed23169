ALTER TABLE poison_records DROP KEY ix_poison_records_at;

--bun:split

ALTER TABLE conversations
    DROP KEY ix_conversations_kept,
    DROP COLUMN keep_ms,
    DROP COLUMN kept_at,
    DROP COLUMN expired_seq;
