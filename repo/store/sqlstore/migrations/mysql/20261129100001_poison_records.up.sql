-- Records of the message queue that were given up, until a person has decided about them.
CREATE TABLE IF NOT EXISTS poison_records (
    record_id       BIGINT         NOT NULL AUTO_INCREMENT PRIMARY KEY,
    uuid            VARBINARY(255) NOT NULL,
    consumer_group  VARBINARY(255) NOT NULL,
    topic           VARCHAR(255)   NOT NULL,
    reason          VARCHAR(64)    NOT NULL,
    error           TEXT           NOT NULL,
    sender          VARCHAR(64)    NOT NULL,
    conversation_id VARCHAR(255)   NOT NULL,
    temp_message_id TEXT           NOT NULL,
    told            VARCHAR(64)    NOT NULL,
    trace_id        VARCHAR(64)    NOT NULL,
    poisoned_at     BIGINT         NOT NULL,
    requeued_at     BIGINT         NOT NULL DEFAULT 0,
    metadata        MEDIUMTEXT     NOT NULL,
    payload         LONGBLOB       NOT NULL,
    UNIQUE KEY poison_records_key (uuid, consumer_group),
    KEY poison_records_requeued (requeued_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
