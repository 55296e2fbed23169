-- Says that a member lives, and prolongs its leases that are still its own. A lease that was not taken from
-- this run of this server counts as lost, too: after a failover or a restart what was read may not be there
-- any more. KEYS: the members, the leases. ARGV: the member, milliseconds after which a silent one is dead,
-- what each lease holds. Returns how many members live, and the number of the first lease that is lost, or 0.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[2])
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local lost = 0
for i = 2, #KEYS do
  local held = redis.call('GET', KEYS[i])
  local same = held and held == ARGV[i + 1]
  if same then
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
  end
  if lost == 0 and not (same and string.sub(held, -#server) == server) then
    lost = i - 1
  end
end
return {redis.call('ZCARD', KEYS[1]), lost}
