-- The epoch of the part of Redis that the key is in. The epoch begins with the server's run_id,
-- which changes with each start: another server that took over, or the same one started again,
-- gets another epoch, since the newest writes may be missing there. ARGV: a random word for a
-- part that has no epoch, or '' to leave the part without one.
if redis.replicate_commands then
  redis.replicate_commands() -- before Redis 7 a script that reads what changes has to say so
end
local run = ''
local info = redis.pcall('INFO', 'server')
if type(info) == 'string' then -- an account may not be allowed to ask
  run = string.match(info, 'run_id:(%w+)') or ''
end
local word = redis.call('GET', KEYS[1])
if word and string.sub(word, 1, #run + 1) == run .. ':' then
  return word
end
if ARGV[1] == '' then
  if word then
    redis.call('DEL', KEYS[1])
  end
  return ''
end
word = run .. ':' .. ARGV[1]
redis.call('SET', KEYS[1], word)
return word
