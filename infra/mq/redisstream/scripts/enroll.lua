-- Makes a group known, so that nothing is trimmed that the group has not had, and fixes where it begins; a
-- group that is known keeps its cursors. A cursor is an id and how many entries the stream has had up to it.
-- KEYS: the topics, the topic's groups, the group's cursors, the trimmed counts, the streams. ARGV: the
-- topic, the group, whether it begins behind the newest entry (1). Returns 0 when there is no topic.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('SADD', KEYS[2], ARGV[2])
for i = 5, #KEYS do
  local id, count = '0-0', tonumber(redis.call('HGET', KEYS[4], i - 5) or '0')
  if ARGV[3] == '1' then
    local newest = redis.call('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)
    if newest[1] then
      id, count = newest[1][1], count + redis.call('XLEN', KEYS[i])
    end
  end
  redis.call('HSETNX', KEYS[3], i - 5, id .. '/' .. string.format('%.0f', count))
end
return 1
