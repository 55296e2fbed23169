DROP TABLE IF EXISTS webhook_cursors;

--bun:split

DROP TABLE IF EXISTS webhook_hooks;
