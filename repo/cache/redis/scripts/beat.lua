-- A gateway's sign of life. ARGV: state, seconds it holds. Answers 1 when Redis did
-- not know the gateway: it has perhaps lost its sessions too, and the gateway is
-- not ready before it has put them again.
local known = redis.call('EXISTS', KEYS[1]) == 1
local state = ARGV[1]
if not known then
  state = 'joining'
end
redis.call('SET', KEYS[1], state, 'EX', ARGV[2])
return known and 0 or 1
