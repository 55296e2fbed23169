-- A gateway's sign of life. KEYS: its state, and the epochs of all parts of Redis at which
-- it was told to put its sessions. ARGV: state, seconds it holds, seconds that the epochs
-- are kept, the epochs now. Answers 1 when Redis did not know the gateway, or a part has
-- perhaps lost its sessions: it is not ready before it has put them again.
local known = redis.call('EXISTS', KEYS[1]) == 1
local put = ' ' .. (redis.call('GET', KEYS[2]) or '') .. ' '
for i = 4, #ARGV do
  known = known and string.find(put, ' ' .. ARGV[i] .. ' ', 1, true) ~= nil
end
local state = ARGV[1]
if not known then
  state = 'joining'
end
redis.call('SET', KEYS[1], state, 'EX', ARGV[2])
redis.call('SET', KEYS[2], table.concat(ARGV, ' ', 4), 'EX', ARGV[3])
return known and 0 or 1
