-- Removes a topic with all that its groups left. Owners notice by their leases.
-- KEYS: the topics, its groups, its trimmed counts. ARGV: the topic, and what the
-- names of its streams, cursors, members and leases begin with.
local shards = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
local groups = redis.call('SMEMBERS', KEYS[2])
for shard = 0, shards - 1 do
  redis.call('UNLINK', ARGV[2] .. shard)
  for _, group in ipairs(groups) do
    redis.call('UNLINK', ARGV[5] .. group .. ':' .. shard)
  end
end
for _, group in ipairs(groups) do
  redis.call('UNLINK', ARGV[3] .. group, ARGV[4] .. group)
end
redis.call('UNLINK', KEYS[2], KEYS[3])
return redis.call('HDEL', KEYS[1], ARGV[1])
