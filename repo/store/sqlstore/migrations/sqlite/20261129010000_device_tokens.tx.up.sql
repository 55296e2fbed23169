-- Which tokens a device has used: they are revoked with it.
CREATE TABLE IF NOT EXISTS device_tokens (
    user_id    INTEGER NOT NULL,
    device_id  TEXT    NOT NULL,
    token_id   TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, device_id, token_id)
) WITHOUT ROWID;
--bun:split
-- Tokens that were issued to a user before are revoked.
CREATE TABLE IF NOT EXISTS sign_outs (
    user_id           INTEGER NOT NULL PRIMARY KEY,
    signed_out_before INTEGER NOT NULL
) WITHOUT ROWID;
