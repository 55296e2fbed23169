CREATE TABLE IF NOT EXISTS webhook_hooks (
    hook     VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    begun_at BIGINT       NOT NULL,
    error    VARCHAR(255) NOT NULL DEFAULT '',
    error_at BIGINT       NOT NULL DEFAULT 0,
    taken_at BIGINT       NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

--bun:split

CREATE TABLE IF NOT EXISTS webhook_cursors (
    hook            VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    conversation_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    seq             BIGINT      NOT NULL DEFAULT -1,
    news_seq        BIGINT      NOT NULL,
    due_at          BIGINT      NOT NULL DEFAULT 0,
    pending_since   BIGINT      NOT NULL DEFAULT 0,
    tries           INT         NOT NULL DEFAULT 0,
    claim           BIGINT      NOT NULL DEFAULT 0,
    leased          TINYINT     NOT NULL DEFAULT 0,
    replays         BIGINT      NOT NULL DEFAULT 0,
    PRIMARY KEY (hook, conversation_id),
    KEY ix_webhook_cursors_due (hook, due_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
