-- Makes a topic and its empty streams. A topic that exists keeps its number of shards. KEYS: the topics.
-- ARGV: the topic, its shards, the beginning of its streams' names. Returns the number of shards.
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
local shards = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
for shard = 0, shards - 1 do
  local stream = ARGV[3] .. shard
  if redis.call('EXISTS', stream) == 0 then
    redis.call('XGROUP', 'CREATE', stream, 'making', '$', 'MKSTREAM')
    redis.call('XGROUP', 'DESTROY', stream, 'making')
  end
end
return shards
