-- Moves a group's cursors in the shards whose leases are still held. KEYS: the
-- cursors, the leases. ARGV, three for each lease: what it holds, its shard, the
-- cursor. Returns the number of the first that is lost, or 0.
local lost = 0
for i = 2, #KEYS do
  local a = 3 * (i - 2)
  if redis.call('GET', KEYS[i]) == ARGV[a + 1] then
    redis.call('HSET', KEYS[1], ARGV[a + 2], ARGV[a + 3])
  elseif lost == 0 then
    lost = i - 1
  end
end
return lost
