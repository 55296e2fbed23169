ALTER TABLE messages DROP COLUMN extra;
