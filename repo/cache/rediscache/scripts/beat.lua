-- A gateway's beat. KEYS: the gateway's state, a note (a word for the gateway's present life, and
-- the epochs of all parts of Redis at which it has put its sessions), and a word for the state and
-- the note that were last counted as a change; who counts a change sets it. ARGV: state,
-- seconds that the state is kept, seconds that the note is kept, a word for a new life in case
-- Redis does not know the gateway, the life and epochs at which the gateway says that it has put
-- its sessions ('' when it is of a release that does not say), the epochs now. The first answer
-- is 1 when the gateway has to put its sessions, because Redis did not know it or a part may
-- have lost them; then it is not ready. The second answer is the life and the epochs that the
-- gateway has to send once it has put its sessions. The third answer is the word
-- for the state and the note as they are now, or '' when they have not changed since they were counted. The same
-- beat again has the same answers, but for the third.
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
  put = ' ' .. epochs -- an older gateway is told once, and is assumed to put its sessions
end
local changed = redis.call('GET', KEYS[1]) ~= state or note ~= life .. put
redis.call('SET', KEYS[1], state, 'EX', ARGV[2])
redis.call('SET', KEYS[2], life .. put, 'EX', ARGV[3])
local word = redis.sha1hex(state .. ' ' .. life .. put)
if not changed and redis.call('GET', KEYS[3]) == word then
  redis.call('EXPIRE', KEYS[3], ARGV[3])
  word = ''
end
return {known and 0 or 1, life .. ' ' .. epochs, word}
