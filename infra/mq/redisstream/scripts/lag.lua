-- Counts entries beyond a cursor, up to a limit. KEYS: the stream, the cursors.
-- ARGV: the shard, the limit.
local from = redis.call('HGET', KEYS[2], ARGV[1]) or '0-0'
return #redis.call('XRANGE', KEYS[1], '(' .. from, '+', 'COUNT', ARGV[2])
