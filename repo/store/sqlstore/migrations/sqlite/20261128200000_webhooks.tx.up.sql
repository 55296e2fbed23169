CREATE TABLE IF NOT EXISTS webhook_hooks (
    hook     TEXT    NOT NULL PRIMARY KEY,
    begun_at INTEGER NOT NULL,
    error    TEXT    NOT NULL DEFAULT '',
    error_at INTEGER NOT NULL DEFAULT 0,
    taken_at INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
--bun:split
CREATE TABLE IF NOT EXISTS webhook_cursors (
    hook            TEXT    NOT NULL,
    conversation_id TEXT    NOT NULL,
    seq             INTEGER NOT NULL DEFAULT -1,
    news_seq        INTEGER NOT NULL,
    due_at          INTEGER NOT NULL DEFAULT 0,
    pending_since   INTEGER NOT NULL DEFAULT 0,
    tries           INTEGER NOT NULL DEFAULT 0,
    claim           INTEGER NOT NULL DEFAULT 0,
    leased          INTEGER NOT NULL DEFAULT 0,
    replays         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hook, conversation_id)
) WITHOUT ROWID;
--bun:split
CREATE INDEX IF NOT EXISTS ix_webhook_cursors_due ON webhook_cursors (hook, due_at) WHERE due_at > 0;
