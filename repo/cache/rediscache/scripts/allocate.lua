-- Gives messages their numbers. KEYS: for each message the counter of its
-- conversation and its dedup key. ARGV: how many seconds a number is remembered.
-- Answers for each message the number given to it before, or the next one, or 0
-- when the counter is missing and has to be seeded from the database.
local out, known = {}, {}
for i = 1, #KEYS, 2 do
  local counter = KEYS[i]
  local n = redis.call('GET', KEYS[i + 1])
  if n then
    n = string.match(n, '^%d+')
  else
    if known[counter] == nil then
      known[counter] = redis.call('EXISTS', counter) == 1
    end
    if known[counter] then
      n = redis.call('INCR', counter)
      redis.call('SET', KEYS[i + 1], n, 'EX', ARGV[1])
    end
  end
  out[#out + 1] = tonumber(n or 0)
end
return out
