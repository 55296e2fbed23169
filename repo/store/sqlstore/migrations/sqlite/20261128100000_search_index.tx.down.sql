DROP TABLE IF EXISTS search_backfill;

--bun:split

DROP TABLE IF EXISTS search_blocks;
