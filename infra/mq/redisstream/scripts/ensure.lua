-- Makes an empty stream. KEYS: the stream.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('XGROUP', 'CREATE', KEYS[1], 'making', '$', 'MKSTREAM')
  redis.call('XGROUP', 'DESTROY', KEYS[1], 'making')
end
return 1
