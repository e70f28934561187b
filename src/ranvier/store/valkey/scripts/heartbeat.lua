-- needs: workers
-- Notes a heartbeat, and adds the growth of the worker's counters since its last heartbeat to the total.
-- Takes: ARGV[2] the worker, [3] about it, [4] its gauges, both as JSON, [5] and on: counter, sum.

local AT_ONCE = 1000 -- arguments that are read together: `unpack` is limited to some thousands

local worker = ARGV[2]
redis.call('ZADD', workers_key, whole(ms), worker)
redis.call('PEXPIRE', workers_key, whole(KEEP_FLEET))
redis.call('HSET', worker_key(worker), 'about', ARGV[3], 'gauges', ARGV[4])
redis.call('PEXPIRE', worker_key(worker), whole(LEASE_LIVES))
redis.call('PEXPIRE', epoch_key, whole(KEEP_FLEET))

local room = MAX_SUMS - redis.call('HLEN', sums_key())
local ignored = 0

-- Add some of the counters, each of which is named once.
local function add(first, final)
  local counters, mine, all = {}, {}, {}
  for i = first, final, 2 do
    counters[#counters + 1] = ARGV[i]
  end
  local last = redis.call('HMGET', sums_key(worker), unpack(counters))
  local total = redis.call('HMGET', sums_key(), unpack(counters))
  for i, counter in ipairs(counters) do
    if not total[i] and room <= 0 then
      ignored = ignored + 1
    else
      room = room - one(not total[i])
      local sum = tonumber(ARGV[first + 2 * i - 1])
      local grown = math.max(sum - (last[i] or 0), 0) -- an older heartbeat may come late
      mine[#mine + 1], mine[#mine + 2] = counter, whole((last[i] or 0) + grown)
      all[#all + 1], all[#all + 2] = counter, whole((total[i] or 0) + grown)
    end
  end
  if #mine > 0 then
    redis.call('HSET', sums_key(worker), unpack(mine))
    redis.call('HSET', sums_key(), unpack(all))
  end
end

for first = 5, #ARGV, AT_ONCE do
  add(first, math.min(first + AT_ONCE - 1, #ARGV))
end
redis.call('PEXPIRE', sums_key(worker), whole(KEEP_WORKER))
redis.call('PEXPIRE', sums_key(), whole(KEEP_FLEET))
return answer_alive(ignored)
