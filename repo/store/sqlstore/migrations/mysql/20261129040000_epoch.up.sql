CREATE TABLE IF NOT EXISTS store_epoch (
    id    TINYINT UNSIGNED NOT NULL PRIMARY KEY,
    epoch VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
) ENGINE = InnoDB;
--bun:split
INSERT IGNORE INTO store_epoch (id, epoch) VALUES (1, REPLACE(UUID(), '-', ''));
