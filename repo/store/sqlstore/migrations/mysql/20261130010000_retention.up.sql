-- Messages up to expired_seq have expired. kept_at is when the oldest of the others was stored, or
-- a time before: then the conversation is looked at. 1: nobody has looked yet, 0: it has no others
-- (whoever stores in it next says since when). keep_ms is for how long the conversation keeps its
-- messages, 0 for ever, -1 as long as others of its kind.
-- Invisible: programs of before read all columns that they see, and stop at one that they do not
-- know.
ALTER TABLE conversations
    ADD COLUMN expired_seq BIGINT NOT NULL DEFAULT 0 /*M!100303 INVISIBLE */ /*!80023 INVISIBLE */,
    ADD COLUMN kept_at BIGINT NOT NULL DEFAULT 1 /*M!100303 INVISIBLE */ /*!80023 INVISIBLE */,
    ADD COLUMN keep_ms BIGINT NOT NULL DEFAULT -1 /*M!100303 INVISIBLE */ /*!80023 INVISIBLE */,
    ADD KEY ix_conversations_kept (type, keep_ms, kept_at);

--bun:split

ALTER TABLE poison_records ADD KEY ix_poison_records_at (poisoned_at);
