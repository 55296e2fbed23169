-- Prolongs leases that are still ours. KEYS: the leases. ARGV: milliseconds, then
-- what each holds. Returns the number of the first that is lost, or 0.
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) ~= ARGV[i + 1] then
    return i
  end
  redis.call('PEXPIRE', key, ARGV[1])
end
return 0
