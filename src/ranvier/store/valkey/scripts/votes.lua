-- The votes on a circuit: two hashes, of the current half and of the one before.
-- `tenant/worker` has what a worker reported of a tenant, as "contents failures", and `tenant` the total.

local function now_key(name) return circuit_key(name) .. ':now' end
local function past_key(name) return circuit_key(name) .. ':past' end

local function drop_counts(name)
  redis.call('DEL', now_key(name), past_key(name))
end

-- Begin with an empty window. Counts of the halves before are not taken any more.
local function start_votes(name, circuit)
  drop_counts(name)
  circuit.half = circuit.half + 2
  circuit.sample = 1
  circuit.started_at = ms
  circuit.active, circuit.failing = 0, 0
  circuit.now_active, circuit.now_failing, circuit.now_failures, circuit.past_failures = 0, 0, 0, 0
end

-- --- tallies -------------------------------------------------------------------------------------

local function tally_of(text)
  local contents, failures = (text or '0 0'):match('^(%d+) (%d+)$')
  return {contents = tonumber(contents), failures = tonumber(failures)}
end

-- True against the target, false for it, nil for no vote.
local function vote_of(tally)
  if tally.contents == 0 and tally.failures == 0 then
    return nil
  end
  return tally.failures > tally.contents
end

local function put_tally(key, field, tally)
  if vote_of(tally) == nil then
    redis.call('HDEL', key, field)
  else
    redis.call('HSET', key, field, whole(tally.contents) .. ' ' .. whole(tally.failures))
    redis.call('PEXPIRE', key, whole(KEEP_COUNTS))
  end
end

-- --- the sample ----------------------------------------------------------------------------------

local function votes(circuit, tenant)
  return (tonumber(tenant:sub(-8), 16) or 0) % circuit.sample == 0
end

-- Drop the tenants that do not vote any more; returns the totals of the others, and their failures.
local function narrow_half(circuit, key)
  local totals, failures = {}, 0
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local tenant, worker = fields[i]:match('^([^/]*)(.*)$')
    if not votes(circuit, tenant) then
      redis.call('HDEL', key, fields[i])
    elseif worker == '' then
      totals[tenant] = tally_of(fields[i + 1])
      failures = failures + totals[tenant].failures
    end
  end
  return totals, failures
end

local function voters_in(totals)
  local active, failing = 0, 0
  for _, tally in pairs(totals) do
    active = active + 1
    failing = failing + one(vote_of(tally))
  end
  return active, failing
end

-- Leave half of the tenants out of the sample.
local function narrow(name, circuit)
  circuit.sample = circuit.sample * 2
  local now, past
  now, circuit.now_failures = narrow_half(circuit, now_key(name))
  past, circuit.past_failures = narrow_half(circuit, past_key(name))
  circuit.now_active, circuit.now_failing = voters_in(now)
  for tenant, tally in pairs(now) do
    past[tenant] = tally
  end
  circuit.active, circuit.failing = voters_in(past)
end

-- True if the tenant votes, and there is room for it.
local function takes(name, circuit, key, tenant, is_new)
  local current = key == now_key(name)
  local full = is_new and redis.call('HLEN', key) >= MAX_COUNTS
  if is_new and current and circuit.now_active >= MAX_VOTERS then
    full = full or redis.call('HEXISTS', key, tenant) == 0
  end
  if full and votes(circuit, tenant) and circuit.sample < MAX_SAMPLE then
    narrow(name, circuit)
  end
  return votes(circuit, tenant) and not (is_new and redis.call('HLEN', key) >= MAX_COUNTS)
end

-- --- counting ------------------------------------------------------------------------------------

-- The total of a tenant in one of the halves has changed. `hidden` is its vote in the other half.
local function count_vote(circuit, current, before, after, hidden)
  local was, now = vote_of(before), vote_of(after)
  if current then
    circuit.now_failures = circuit.now_failures + after.failures - before.failures
    circuit.now_active = circuit.now_active + one(now ~= nil) - one(was ~= nil)
    circuit.now_failing = circuit.now_failing + one(now) - one(was)
  else
    circuit.past_failures = circuit.past_failures + after.failures - before.failures
    if hidden ~= nil then -- it votes in the current half
      return
    end
  end
  if was == nil then was = hidden end
  if now == nil then now = hidden end
  circuit.active = circuit.active + one(now ~= nil) - one(was ~= nil)
  circuit.failing = circuit.failing + one(now) - one(was)
end

-- Replace what `worker` said of a tenant in the current half or in the one before.
local function count_tenant(name, circuit, worker, half, tenant, said)
  local current = half == circuit.half
  local key = current and now_key(name) or past_key(name)
  local other = current and past_key(name) or now_key(name)
  local field = tenant .. '/' .. worker
  local mine = tally_of(redis.call('HGET', key, field) or nil)
  if said.contents == mine.contents and said.failures == mine.failures then
    return
  end
  if not takes(name, circuit, key, tenant, vote_of(mine) == nil) then
    return
  end
  local before = tally_of(redis.call('HGET', key, tenant) or nil)
  local after = {
    contents = before.contents + said.contents - mine.contents,
    failures = before.failures + said.failures - mine.failures,
  }
  put_tally(key, field, said)
  put_tally(key, tenant, after)
  count_vote(circuit, current, before, after, vote_of(tally_of(redis.call('HGET', other, tenant) or nil)))
end
