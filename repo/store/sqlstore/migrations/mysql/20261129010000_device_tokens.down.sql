DROP TABLE IF EXISTS sign_outs;
--bun:split
DROP TABLE IF EXISTS device_tokens;
