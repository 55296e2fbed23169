-- Sends whose senders were told that they will never be stored.
CREATE TABLE IF NOT EXISTS refused_sends (
    sender_id     BIGINT         NOT NULL,
    client_msg_id VARBINARY(191) NOT NULL,
    refused_at    BIGINT         NOT NULL,
    PRIMARY KEY (sender_id, client_msg_id),
    KEY refused_sends_at (refused_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
