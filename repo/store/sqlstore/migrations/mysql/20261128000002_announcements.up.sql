-- What changes of groups still have to tell: written with the change, gone when it is told.
CREATE TABLE IF NOT EXISTS announcements (
    announcement_id BIGINT     NOT NULL PRIMARY KEY,
    created_at      BIGINT     NOT NULL,
    payload         MEDIUMBLOB NOT NULL,
    KEY ix_announcements_created (created_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
