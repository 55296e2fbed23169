-- Notes users whose sessions were put. KEYS: the users, the newest number. ARGV: for how
-- many microseconds a user is kept, then user ids. Each user gets a number of its own, about
-- the time in microseconds, which always grows: a reader that knows all users up to a number
-- reads on from there.
if redis.replicate_commands then
  redis.replicate_commands() -- before Redis 7 a script that reads the clock has to say so
end
local t = redis.call('TIME')
local n = t[1] * 1000000 + t[2]
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if n <= last then
  n = last + 1
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', n - ARGV[1]))
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], string.format('%.0f', n + i), ARGV[i])
end
redis.call('SET', KEYS[2], string.format('%.0f', n + #ARGV))
return 1
