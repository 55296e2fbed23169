-- Takes a lease that nobody has. KEYS: the lease, the source of tokens. ARGV: the
-- owner, milliseconds. Returns what the lease holds then, with a token that no
-- earlier one had, or nothing.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return false
end
local value = ARGV[1] .. ':' .. redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], value, 'PX', ARGV[2])
return value
