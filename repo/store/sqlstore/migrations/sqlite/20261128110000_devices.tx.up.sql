-- The row without a device id is of all sockets that name none; it tells when the user was last
-- seen. last_seen_at 0: revoked, and not seen since.
CREATE TABLE IF NOT EXISTS devices (
    user_id      INTEGER NOT NULL,
    device_id    TEXT    NOT NULL,
    last_seen_at INTEGER NOT NULL,
    revoked_at   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, device_id)
) WITHOUT ROWID;
