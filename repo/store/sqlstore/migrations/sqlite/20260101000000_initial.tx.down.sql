DROP TABLE IF EXISTS revoked_tokens;

--bun:split

DROP TABLE IF EXISTS messages;

--bun:split

DROP TABLE IF EXISTS conversation_members;

--bun:split

DROP TABLE IF EXISTS conversations;

--bun:split

DROP TABLE IF EXISTS group_members;

--bun:split

DROP TABLE IF EXISTS `groups`;

--bun:split

DROP TABLE IF EXISTS users;
