CREATE TABLE IF NOT EXISTS search_blocks (
    conversation_id TEXT    NOT NULL,
    block           INTEGER NOT NULL,
    newest_at       INTEGER NOT NULL,
    oldest_at       INTEGER NOT NULL,
    grams           BLOB    NOT NULL,
    PRIMARY KEY (conversation_id, block)
);
--bun:split
CREATE INDEX IF NOT EXISTS ix_search_blocks_newest ON search_blocks (conversation_id, newest_at, block, oldest_at);
--bun:split
-- How far the messages that were there before the index are in it. One row.
CREATE TABLE IF NOT EXISTS search_backfill (
    id              INTEGER NOT NULL PRIMARY KEY,
    conversation_id TEXT    NOT NULL,
    block           INTEGER NOT NULL,
    done            INTEGER NOT NULL
);
--bun:split
INSERT OR IGNORE INTO search_backfill (id, conversation_id, block, done) VALUES (1, '', 0, 0);
