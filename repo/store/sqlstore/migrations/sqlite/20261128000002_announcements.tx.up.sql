CREATE TABLE IF NOT EXISTS announcements (
    announcement_id INTEGER PRIMARY KEY,
    created_at      INTEGER NOT NULL,
    payload         BLOB    NOT NULL
);
--bun:split
CREATE INDEX IF NOT EXISTS ix_announcements_created ON announcements (created_at);
