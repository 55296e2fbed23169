-- Counts entries beyond a group's cursors. KEYS: the trimmed counts, the cursors, the
-- streams.
local sum = 0
for i = 3, #KEYS do
  local gone = tonumber(redis.call('HGET', KEYS[1], i - 3) or '0')
  local cursor = redis.call('HGET', KEYS[2], i - 3)
  local had = cursor and tonumber(string.match(cursor, '/(%d+)$')) or gone
  sum = sum + math.max(0, gone + redis.call('XLEN', KEYS[i]) - had)
end
return sum
