-- Adds all entries, or none when a stream is missing. KEYS: the streams. ARGV, four
-- for each entry: the number of its stream, and its three fields. Returns the
-- numbers of the missing streams.
local missing = {}
for i, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 0 then
    missing[#missing + 1] = i
  end
end
if #missing > 0 then
  return missing
end
for i = 1, #ARGV, 4 do
  redis.call('XADD', KEYS[tonumber(ARGV[i])], '*',
    '_watermill_message_uuid', ARGV[i + 1], 'metadata', ARGV[i + 2], 'payload', ARGV[i + 3])
end
return missing
