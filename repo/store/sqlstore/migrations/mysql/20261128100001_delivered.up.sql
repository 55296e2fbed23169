-- A table of its own: its writes would wait for the rows of conversation_members, which every
-- stored message locks. Reading implies delivered, so that a member who reads at once has no row.
CREATE TABLE IF NOT EXISTS delivered_positions (
    conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id         BIGINT      NOT NULL,
    delivered_seq   BIGINT      NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
