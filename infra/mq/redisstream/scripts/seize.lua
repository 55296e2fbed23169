-- Takes leases that nobody has, or that this owner has without knowing, each with a token that no earlier
-- lease had and with the run id of the server that it was taken from. KEYS: the source of tokens, the group's
-- cursors, the leases. ARGV: the owner, milliseconds, how many at most, the shard of each lease. Returns for
-- each lease that was taken its shard, what the lease holds, and the cursor; nothing when the group has no
-- cursors.
if redis.call('EXISTS', KEYS[2]) == 0 then
  return false
end
local mine = ARGV[1] .. ':'
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local got = {}
for i = 3, #KEYS do
  if #got >= 3 * tonumber(ARGV[3]) then
    break
  end
  local held = redis.call('GET', KEYS[i])
  local cursor = redis.call('HGET', KEYS[2], ARGV[i + 1])
  if cursor and (not held or string.sub(held, 1, #mine) == mine) then
    local value = mine .. redis.call('INCR', KEYS[1]) .. ':' .. server
    redis.call('SET', KEYS[i], value, 'PX', ARGV[2])
    got[#got + 1] = ARGV[i + 1]
    got[#got + 1] = value
    got[#got + 1] = cursor
  end
end
return got
