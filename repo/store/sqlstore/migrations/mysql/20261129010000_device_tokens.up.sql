-- Which tokens a device has used: they are revoked with it.
CREATE TABLE IF NOT EXISTS device_tokens (
    user_id    BIGINT         NOT NULL,
    device_id  VARBINARY(764) NOT NULL,
    token_id   VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    expires_at BIGINT         NOT NULL,
    PRIMARY KEY (user_id, device_id, token_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
-- Tokens that were issued to a user before are revoked.
CREATE TABLE IF NOT EXISTS sign_outs (
    user_id           BIGINT NOT NULL PRIMARY KEY,
    signed_out_before BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
