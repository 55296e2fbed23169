-- Says that a member lives, and prolongs its leases that are still its own. KEYS:
-- the members, the leases. ARGV: the member, milliseconds after which a silent one is
-- dead, what each lease holds. Returns how many members live, and the number of the
-- first lease that is lost, or 0.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[2])
local lost = 0
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[i + 1] then
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
  elseif lost == 0 then
    lost = i - 1
  end
end
return {redis.call('ZCARD', KEYS[1]), lost}
