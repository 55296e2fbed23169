ALTER TABLE conversations
    DROP COLUMN changed_seq, DROP COLUMN members_version, DROP COLUMN member_count, DROP COLUMN member_peak,
    DROP COLUMN shrunk_at;
