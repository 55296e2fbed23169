-- Drops entries that every group has at or before its cursor; of streams without
-- groups all but the newest. It costs what it drops, whatever the streams' length, and
-- drops no more than Redis does at a time. KEYS: the topics, the trimmed counts, the
-- streams, then each group's cursors. ARGV: the topic, its shards, how many to keep.
-- Returns the most that was dropped of a stream, or -1 when there is no topic.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return -1
end
local shards = tonumber(ARGV[2])
local most = 0
for shard = 0, shards - 1 do
  local least, least_ms, least_n
  for i = shards + 3, #KEYS do
    local ms, n = string.match(redis.call('HGET', KEYS[i], shard) or '0-0', '^(%d+)-(%d+)')
    local ms_is, n_is = tonumber(ms), tonumber(n)
    if not least or ms_is < least_ms or (ms_is == least_ms and n_is < least_n) then
      least, least_ms, least_n = ms .. '-' .. n, ms_is, n_is
    end
  end
  local dropped
  if least then
    dropped = redis.call('XTRIM', KEYS[shard + 3], 'MINID', '~', least)
  else
    dropped = redis.call('XTRIM', KEYS[shard + 3], 'MAXLEN', '~', ARGV[3])
  end
  if dropped > 0 then
    redis.call('HINCRBY', KEYS[2], shard, dropped)
  end
  most = math.max(most, dropped)
end
return most
