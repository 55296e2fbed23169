CREATE TABLE IF NOT EXISTS search_blocks (
    conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    block           BIGINT      NOT NULL,
    newest_at       BIGINT      NOT NULL,
    oldest_at       BIGINT      NOT NULL,
    grams           MEDIUMBLOB  NOT NULL,
    PRIMARY KEY (conversation_id, block),
    KEY ix_search_blocks_newest (conversation_id, newest_at, block, oldest_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
-- How far the messages that were there before the index are in it. One row.
CREATE TABLE IF NOT EXISTS search_backfill (
    id              TINYINT     NOT NULL PRIMARY KEY,
    conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    block           BIGINT      NOT NULL,
    done            TINYINT     NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
INSERT IGNORE INTO search_backfill (id, conversation_id, block, done) VALUES (1, '', 0, 0);
