-- Keys are bytes, as on SQLite: a text collation takes trailing spaces for nothing.
ALTER TABLE messages MODIFY client_msg_id VARBINARY(191) NOT NULL;

--bun:split

ALTER TABLE users MODIFY username_key VARBINARY(764) NOT NULL;

--bun:split

ALTER TABLE revoked_tokens MODIFY token_id VARBINARY(191) NOT NULL;
