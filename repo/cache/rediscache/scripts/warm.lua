-- Puts messages that were read from the database among a conversation's hot ones. KEYS: hot
-- messages, their mark. ARGV: the conversation's newest change when they were read,
-- seconds hot messages are kept, how many of them, then numbers and messages.
local hot, mark = KEYS[1], KEYS[2]
local changed = tonumber(ARGV[1])
local known = tonumber(redis.call('GET', mark) or '0')
if known > changed then
  return 0
end
if known < changed then
  -- A change was missed: the hot messages may be from before that change.
  redis.call('DEL', hot)
end
if changed > 0 then
  redis.call('SET', mark, ARGV[1], 'EX', ARGV[2])
end
for i = 4, #ARGV, 2 do
  redis.call('ZREMRANGEBYSCORE', hot, ARGV[i], ARGV[i])
  redis.call('ZADD', hot, ARGV[i], ARGV[i + 1])
end
redis.call('ZREMRANGEBYRANK', hot, 0, -tonumber(ARGV[3]) - 1)
redis.call('EXPIRE', hot, ARGV[2])
return 1
