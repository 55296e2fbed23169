-- Moves a group's cursor, if the lease is still ours. KEYS: the lease, the cursors.
-- ARGV: what the lease holds, the shard, the id.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
