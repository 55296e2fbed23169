-- Removes a session if it is still the one that is meant, so that a late
-- disconnect cannot take a newer session away.
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
