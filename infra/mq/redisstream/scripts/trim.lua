-- Drops entries that every group has beyond its cursor, but the newest ones. KEYS:
-- the stream, then each group's cursors. ARGV: the shard, how many to keep.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
if #KEYS == 1 then
  return redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2])
end
local function parts(id)
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end
local least, least_ms, least_n
for i = 2, #KEYS do
  local id = redis.call('HGET', KEYS[i], ARGV[1]) or '0-0'
  local ms, n = parts(id)
  if not least or ms < least_ms or (ms == least_ms and n < least_n) then
    least, least_ms, least_n = id, ms, n
  end
end
-- The newest ones are kept as well: what is trimmed is before both.
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', tonumber(ARGV[2]) + 1)
if #newest <= tonumber(ARGV[2]) then
  return 0
end
local ms, n = parts(newest[#newest][1])
if ms < least_ms or (ms == least_ms and n < least_n) then
  least = newest[#newest][1]
end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', least)
