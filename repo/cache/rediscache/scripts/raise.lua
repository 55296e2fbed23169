-- Raises a number for some time, and never lowers it. ARGV: number, seconds.
local now = redis.call('GET', KEYS[1])
if now and tonumber(now) > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
