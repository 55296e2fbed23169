-- Gives messages their numbers. KEYS: for each message the counter of its
-- conversation and its dedup key. ARGV: how many seconds a number is remembered.
-- Answers for each message the number given to it before, or the next one, or 0
-- when the counter is missing and has to be seeded from the database.
local out = {}
for i = 1, #KEYS, 2 do
  local given = redis.call('GET', KEYS[i + 1])
  if given then
    out[#out + 1] = tonumber(string.match(given, '^%d+'))
  elseif redis.call('EXISTS', KEYS[i]) == 0 then
    out[#out + 1] = 0
  else
    local n = redis.call('INCR', KEYS[i])
    redis.call('SET', KEYS[i + 1], n, 'EX', ARGV[1])
    out[#out + 1] = n
  end
end
return out
