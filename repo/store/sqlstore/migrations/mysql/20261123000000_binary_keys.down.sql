ALTER TABLE revoked_tokens MODIFY token_id VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;

--bun:split

ALTER TABLE users MODIFY username_key VARCHAR(191) NOT NULL;

--bun:split

ALTER TABLE messages MODIFY client_msg_id VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;
