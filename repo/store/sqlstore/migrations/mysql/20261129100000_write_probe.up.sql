-- One row, which is written again to learn whether the database takes writes.
CREATE TABLE IF NOT EXISTS write_probe (
    id         INT        NOT NULL PRIMARY KEY,
    written_at BIGINT     NOT NULL,
    filler     MEDIUMBLOB NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
