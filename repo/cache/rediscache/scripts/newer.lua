-- Keeps a record unless a newer one is there. ARGV: version, data, seconds.
local now = redis.call('HGET', KEYS[1], 'version')
if now and tonumber(now) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'data', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
