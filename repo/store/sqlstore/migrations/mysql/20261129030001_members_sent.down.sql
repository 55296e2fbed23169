ALTER TABLE conversation_members DROP COLUMN sought_seq, DROP COLUMN sent_seq;
