CREATE TABLE IF NOT EXISTS users (
    user_id       BIGINT        NOT NULL PRIMARY KEY,
    username      VARCHAR(191)  NOT NULL,
    username_key  VARCHAR(191)  NOT NULL,
    nickname      VARCHAR(255)  NOT NULL,
    avatar_url    VARCHAR(4096) NOT NULL,
    password_hash VARCHAR(255)  NOT NULL,
    created_at    BIGINT        NOT NULL,
    version       BIGINT        NOT NULL DEFAULT 1,
    UNIQUE KEY uq_users_name (username_key)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
CREATE TABLE IF NOT EXISTS `groups` (
    group_id        BIGINT       NOT NULL PRIMARY KEY,
    conversation_id VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name            VARCHAR(255) NOT NULL,
    announcement    TEXT         NOT NULL,
    owner_id        BIGINT       NOT NULL,
    member_count    BIGINT       NOT NULL,
    join_policy     VARCHAR(16)  NOT NULL,
    created_at      BIGINT       NOT NULL,
    dissolved_at    BIGINT       NOT NULL DEFAULT 0,
    UNIQUE KEY uq_groups_conversation (conversation_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
CREATE TABLE IF NOT EXISTS group_members (
    group_id  BIGINT      NOT NULL,
    user_id   BIGINT      NOT NULL,
    role      VARCHAR(16) NOT NULL,
    joined_at BIGINT      NOT NULL,
    PRIMARY KEY (group_id, user_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
CREATE TABLE IF NOT EXISTS conversations (
    conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    type            TINYINT     NOT NULL,
    user_a          BIGINT      NOT NULL DEFAULT 0,
    user_b          BIGINT      NOT NULL DEFAULT 0,
    group_id        BIGINT      NOT NULL DEFAULT 0,
    last_seq        BIGINT      NOT NULL DEFAULT 0,
    last_message_at BIGINT      NOT NULL,
    created_at      BIGINT      NOT NULL,
    dissolved_at    BIGINT      NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
CREATE TABLE IF NOT EXISTS conversation_members (
    conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id         BIGINT      NOT NULL,
    join_seq        BIGINT      NOT NULL DEFAULT 0,
    read_seq        BIGINT      NOT NULL DEFAULT 0,
    left_seq        BIGINT      NULL,
    PRIMARY KEY (conversation_id, user_id),
    KEY ix_conversation_members_user (user_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
CREATE TABLE IF NOT EXISTS messages (
    conversation_id VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    seq_id          BIGINT       NOT NULL,
    message_id      BIGINT       NOT NULL,
    sender_id       BIGINT       NOT NULL,
    client_msg_id   VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    content         MEDIUMTEXT   NOT NULL,
    message_type    VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at      BIGINT       NOT NULL,
    PRIMARY KEY (conversation_id, seq_id),
    UNIQUE KEY uq_messages_id (message_id),
    UNIQUE KEY uq_messages_client (sender_id, client_msg_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
CREATE TABLE IF NOT EXISTS revoked_tokens (
    token_id   VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    user_id    BIGINT       NOT NULL,
    expires_at BIGINT       NOT NULL,
    KEY ix_revoked_tokens_expires (expires_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--bun:split
INSERT IGNORE INTO conversations (conversation_id, type, last_message_at, created_at)
VALUES ('world', 3, UNIX_TIMESTAMP() * 1000, UNIX_TIMESTAMP() * 1000);
