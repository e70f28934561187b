-- needs: workers
-- A worker lives; add to the total what its counters have grown since its last heartbeat.
-- Takes: ARGV[2] the worker, [3] about it, [4] its gauges, both as JSON, [5] and on: counter, sum.

local worker = ARGV[2]
redis.call('ZADD', workers_key, whole(ms), worker)
redis.call('PEXPIRE', workers_key, whole(KEEP_FLEET))
redis.call('HSET', worker_key(worker), 'about', ARGV[3], 'gauges', ARGV[4])
redis.call('PEXPIRE', worker_key(worker), whole(LEASE_LIVES))
redis.call('PEXPIRE', epoch_key, whole(KEEP_FLEET))

local room = MAX_SUMS - redis.call('HLEN', sums_key())
local ignored = 0
for i = 5, #ARGV, 2 do
  local counter, sum = ARGV[i], tonumber(ARGV[i + 1])
  local last, total = redis.call('HGET', sums_key(worker), counter), redis.call('HGET', sums_key(), counter)
  if not total and room <= 0 then
    ignored = ignored + 1
  else
    room = room - one(not total)
    local grown = math.max(sum - (last or 0), 0) -- an older heartbeat may come late
    redis.call('HSET', sums_key(worker), counter, whole((last or 0) + grown))
    redis.call('HSET', sums_key(), counter, whole((total or 0) + grown))
  end
end
redis.call('PEXPIRE', sums_key(worker), whole(KEEP_WORKER))
redis.call('PEXPIRE', sums_key(), whole(KEEP_FLEET))
return answer_alive(ignored)
