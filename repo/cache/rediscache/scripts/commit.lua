-- Lets the cache follow a transaction. ARGV: seconds a stored message's ids are
-- remembered, seconds hot messages are kept, how many of them; then for each
-- conversation its last number, the highest number that was proposed, how many dedup
-- values, refused keys and hot messages follow, its newest change of an earlier
-- message, the newest before, and how many updated and dropped messages follow; then
-- these. KEYS: for each conversation counter, hot messages, their mark, dedup keys,
-- refused keys.
local remember, keep, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local k, a = 0, 3
while k < #KEYS do
  local seq, hot, mark = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local last, top = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local known, refused, messages = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
  local changed, before = tonumber(ARGV[a + 6]), tonumber(ARGV[a + 7])
  local updated, dropped = tonumber(ARGV[a + 8]), tonumber(ARGV[a + 9])
  k, a = k + 3, a + 9
  if changed > 0 then
    if tonumber(redis.call('GET', mark) or '0') ~= before then
      -- A change was missed: the hot messages may be from before that change.
      redis.call('DEL', hot)
    end
    redis.call('SET', mark, changed, 'EX', keep)
  end
  for i = 1, known do
    redis.call('SET', KEYS[k + i], ARGV[a + i], 'EX', remember)
  end
  k, a = k + known, a + known
  for i = 1, refused do
    redis.call('DEL', KEYS[k + i])
  end
  k = k + refused
  -- unpack is bounded by Lua's stack, so a hundred at a time.
  for from = a + 1, a + 2 * messages, 200 do
    redis.call('ZADD', hot, unpack(ARGV, from, math.min(from + 199, a + 2 * messages)))
  end
  a = a + 2 * messages
  for i = a + 1, a + 2 * updated, 2 do
    -- A message that is not hot is not added: its neighbours are not there either.
    if redis.call('ZREMRANGEBYSCORE', hot, ARGV[i], ARGV[i]) > 0 then
      redis.call('ZADD', hot, ARGV[i], ARGV[i + 1])
    end
  end
  a = a + 2 * updated
  for i = a + 1, a + dropped do
    redis.call('ZREMRANGEBYSCORE', hot, ARGV[i], ARGV[i])
  end
  a = a + dropped
  if messages > 0 then
    redis.call('ZREMRANGEBYRANK', hot, 0, -most - 1)
    redis.call('EXPIRE', hot, keep)
  end
  -- The counter must not be below the database's last number. Proposed numbers that were not
  -- used are given back when no number was proposed since.
  local now = tonumber(redis.call('GET', seq) or '-1')
  if now >= 0 and (now < last or (now == top and now > last)) then
    redis.call('SET', seq, last)
  end
end
return 1
