-- System messages take a number and are not counted as unread. message_skips has a row for each
-- of them: how many there were up to it. skipped and message_seq are the last of it and the newest
-- other message; they are right up to counted_seq. stored_at is when anything was stored last.
-- Invisible: programs of before read all columns that they see, and stop at one that they do not
-- know.
ALTER TABLE conversations
    ADD COLUMN counted_seq BIGINT NOT NULL DEFAULT 0 /*M!100303 INVISIBLE */ /*!80023 INVISIBLE */,
    ADD COLUMN skipped BIGINT NOT NULL DEFAULT 0 /*M!100303 INVISIBLE */ /*!80023 INVISIBLE */,
    ADD COLUMN message_seq BIGINT NOT NULL DEFAULT 0 /*M!100303 INVISIBLE */ /*!80023 INVISIBLE */,
    ADD COLUMN stored_at BIGINT NOT NULL DEFAULT 0 /*M!100303 INVISIBLE */ /*!80023 INVISIBLE */;

--bun:split

CREATE TABLE IF NOT EXISTS message_skips (
    conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    seq_id          BIGINT      NOT NULL,
    skipped         BIGINT      NOT NULL,
    PRIMARY KEY (conversation_id, seq_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
