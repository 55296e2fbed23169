CREATE TABLE IF NOT EXISTS store_epoch (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL
);
--bun:split
INSERT OR IGNORE INTO store_epoch (id, epoch) VALUES (1, lower(hex(randomblob(16))));
