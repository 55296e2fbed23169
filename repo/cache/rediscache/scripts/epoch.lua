-- The epoch of the part of Redis that the key is in. It begins with the name that the
-- server has from its start on, so that another server that took over, or the same one
-- started again, is known by it: what was written last may be missing there. ARGV: a random
-- word for a part that has no epoch, or '' to leave it without one.
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
