ALTER TABLE conversations DROP COLUMN shrunk_at;
--bun:split
ALTER TABLE conversations DROP COLUMN member_peak;
--bun:split
ALTER TABLE conversations DROP COLUMN member_count;
--bun:split
ALTER TABLE conversations DROP COLUMN members_version;
--bun:split
ALTER TABLE conversations DROP COLUMN changed_seq;
