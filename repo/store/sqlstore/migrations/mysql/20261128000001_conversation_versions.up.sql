-- changed_seq is the newest message that changed an earlier one. Of a group: how often its
-- membership changed, how many are in it, and how many were within the last minute.
ALTER TABLE conversations
    ADD COLUMN changed_seq BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN members_version BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN member_count BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN member_peak BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN shrunk_at BIGINT NOT NULL DEFAULT 0;
