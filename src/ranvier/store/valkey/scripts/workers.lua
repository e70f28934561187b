-- The live workers, by the time of their last heartbeat.

local workers_key = root .. ':workers'

local function worker_key(worker)
  return root .. ':worker:' .. worker
end

local function sums_key(worker)
  return root .. ':sums' .. (worker and ':' .. worker or '')
end

-- The number of live workers; those without a heartbeat for too long are dropped.
local function count_living()
  redis.call('ZREMRANGEBYSCORE', workers_key, '-inf', whole(ms - LEASE_LIVES))
  redis.call('ZREMRANGEBYSCORE', workers_key, '(' .. whole(ms), '+inf') -- the clock was set back
  return redis.call('ZCARD', workers_key)
end

local function answer_alive(ignored)
  local epoch = redis.call('HGET', epoch_key, 'id') or ''
  return cjson.encode({workers = count_living(), epoch = epoch, ignored = ignored})
end
