-- A gateway's sign of life. KEYS: its state, and a note: a word for its present life, and the
-- epochs of all parts of Redis at which it has put its sessions. ARGV: state, seconds it
-- holds, seconds that the note is kept, a word for its life in case Redis does not know it,
-- what it says that it has put its sessions at ('' when it is too old to say that), the epochs
-- now. Answers 1 when it has not put its sessions at all that holds them now, since Redis did
-- not know it or a part has perhaps lost them: then it is not ready. The second answer is
-- what it has to say once it has put them. The same beat twice answers the same twice.
local note = redis.call('GET', KEYS[2]) or ''
local life = redis.call('EXISTS', KEYS[1]) == 1 and string.match(note, '^life:%S+') or ARGV[4]
local epochs = table.concat(ARGV, ' ', 6)
local put = ARGV[5]
if put == '' then
  put = note
end
put = ' ' .. put .. ' '
local known = string.find(put, ' ' .. life .. ' ', 1, true) ~= nil
for i = 6, #ARGV do
  known = known and string.find(put, ' ' .. ARGV[i] .. ' ', 1, true) ~= nil
end
local state = ARGV[1]
if not known then
  state = 'joining'
end
if ARGV[5] == '' then
  put = ' ' .. epochs -- it is told once, and taken to do what it is told
end
redis.call('SET', KEYS[1], state, 'EX', ARGV[2])
redis.call('SET', KEYS[2], life .. put, 'EX', ARGV[3])
return {known and 0 or 1, life .. ' ' .. epochs}
