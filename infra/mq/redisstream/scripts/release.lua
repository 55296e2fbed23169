-- Gives leases back that are still held. KEYS: the leases. ARGV: what each holds.
local given = 0
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[i] then
    given = given + redis.call('DEL', key)
  end
end
return given
