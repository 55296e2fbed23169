-- Keys are bytes. The row without a device id is of all sockets that name none; it tells when the
-- user was last seen. last_seen_at 0: revoked, and not seen since.
CREATE TABLE IF NOT EXISTS devices (
    user_id      BIGINT         NOT NULL,
    device_id    VARBINARY(764) NOT NULL,
    last_seen_at BIGINT         NOT NULL,
    revoked_at   BIGINT         NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, device_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
