-- As on MySQL.
ALTER TABLE conversation_members ADD COLUMN sent_seq INTEGER NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE conversation_members ADD COLUMN sought_seq INTEGER NOT NULL DEFAULT 0;
