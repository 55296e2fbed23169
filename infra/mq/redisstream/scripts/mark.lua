-- Moves a group's cursors in the shards whose leases are still held and were taken from this run of this
-- server: another server, or this one before a crash, may have held entries that are lost now, and their ids
-- may be given to others. KEYS: the cursors, the leases. ARGV, three for each lease: what it holds, its
-- shard, the cursor. Returns the number of the first lease that is lost, or 0.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local lost = 0
for i = 2, #KEYS do
  local a = 3 * (i - 2)
  local held = redis.call('GET', KEYS[i])
  if held and held == ARGV[a + 1] and string.sub(held, -#server) == server then
    redis.call('HSET', KEYS[1], ARGV[a + 2], ARGV[a + 3])
  elseif lost == 0 then
    lost = i - 1
  end
end
return lost
