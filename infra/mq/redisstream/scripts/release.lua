-- Gives a lease back that is still ours. KEYS: the lease. ARGV: what it holds.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
