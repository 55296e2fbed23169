-- One row, which is written again to learn whether the database takes writes.
CREATE TABLE IF NOT EXISTS write_probe (
    id         INTEGER NOT NULL PRIMARY KEY,
    written_at INTEGER NOT NULL,
    filler     BLOB    NOT NULL
);
