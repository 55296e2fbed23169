-- sent_seq is the newest message of the member's own. Where it is 0, an older program may have
-- stored one: up to sought_seq none was found.
ALTER TABLE conversation_members
    ADD COLUMN sent_seq BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN sought_seq BIGINT NOT NULL DEFAULT 0;
