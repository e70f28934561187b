-- needs:
-- A worker connects: identifies the data, and compares secrets and protocols.
-- Takes: ARGV[2] the epoch to set if there is none yet, [3] a digest made with the worker's secret,
-- [4] the key of the protocols, [5] the number of this one.

if redis.call('HSETNX', epoch_key, 'id', ARGV[2]) == 1 then
  redis.call('HSET', epoch_key, 'secret', ARGV[3])
end
redis.call('PEXPIRE', epoch_key, whole(KEEP_FLEET))
redis.call('ZADD', ARGV[4], whole(ms), ARGV[5])
redis.call('ZREMRANGEBYSCORE', ARGV[4], '-inf', whole(ms - DAY))
redis.call('PEXPIRE', ARGV[4], whole(DAY))
return cjson.encode({
  epoch = redis.call('HGET', epoch_key, 'id'),
  same_secret = redis.call('HGET', epoch_key, 'secret') == ARGV[3],
  protocols = redis.call('ZRANGE', ARGV[4], 0, 9),
})
