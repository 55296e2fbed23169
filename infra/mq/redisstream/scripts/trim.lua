-- Drops entries that every group has at or before its cursor; of a stream without
-- groups all but the newest. It costs what it drops, whatever the stream's length.
-- KEYS: the stream, then each group's cursors. ARGV: the shard, how many to keep.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
if #KEYS == 1 then
  return redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2])
end
local least, least_ms, least_n
for i = 2, #KEYS do
  local id = redis.call('HGET', KEYS[i], ARGV[1]) or '0-0'
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  ms, n = tonumber(ms), tonumber(n)
  if not least or ms < least_ms or (ms == least_ms and n < least_n) then
    least, least_ms, least_n = id, ms, n
  end
end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', least)
