ALTER TABLE conversation_members DROP COLUMN sought_seq;
--bun:split
ALTER TABLE conversation_members DROP COLUMN sent_seq;
