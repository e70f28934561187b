-- needs: workers
-- The live workers and the sums of their counters, for operators.

local living = count_living()
local seen = {}
local found = redis.call('ZREVRANGE', workers_key, 0, MAX_LOOKED - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  local worker = redis.call('HMGET', worker_key(found[i]), 'about', 'gauges')
  seen[#seen + 1] = {
    worker = found[i],
    silent_for = ms - tonumber(found[i + 1]),
    about = worker[1] or '{}',
    gauges = worker[2] or '{}',
  }
end
return cjson.encode({workers = seen, live = living, sums = redis.call('HGETALL', sums_key())})
