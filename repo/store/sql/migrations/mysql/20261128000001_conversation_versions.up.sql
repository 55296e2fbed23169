-- changed_seq is the newest message that changed an earlier one. Of a group: how often its
-- membership changed, how many are in it, and how many were within the last minute.
ALTER TABLE conversations
    ADD COLUMN /*M! IF NOT EXISTS */ changed_seq BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN /*M! IF NOT EXISTS */ members_version BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN /*M! IF NOT EXISTS */ member_count BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN /*M! IF NOT EXISTS */ member_peak BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN /*M! IF NOT EXISTS */ shrunk_at BIGINT NOT NULL DEFAULT 0;
