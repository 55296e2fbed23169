-- Records of the message queue that were given up, until a person has decided about them.
CREATE TABLE IF NOT EXISTS poison_records (
    record_id       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    uuid            TEXT    NOT NULL,
    consumer_group  TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    error           TEXT    NOT NULL,
    sender          TEXT    NOT NULL,
    conversation_id TEXT    NOT NULL,
    temp_message_id TEXT    NOT NULL,
    told            TEXT    NOT NULL,
    trace_id        TEXT    NOT NULL,
    poisoned_at     INTEGER NOT NULL,
    requeued_at     INTEGER NOT NULL DEFAULT 0,
    metadata        TEXT    NOT NULL,
    payload         BLOB    NOT NULL,
    UNIQUE (uuid, consumer_group)
);
--bun:split
CREATE INDEX IF NOT EXISTS poison_records_requeued ON poison_records (requeued_at);
