-- Notes that a gateway watches a user. KEYS: the user's watchers, by the time until which they
-- watch. ARGV: the gateway, that time, now, seconds that the key is kept. Gateways have another id
-- after each start, so that those that are gone would pile up.
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
