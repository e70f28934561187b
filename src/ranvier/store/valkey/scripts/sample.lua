-- Chooses the tenants that vote if there are too many.

local function votes(circuit, tenant)
  return (tonumber(tenant:sub(-8), 16) or 0) % circuit.sample == 0
end

-- Drop the tenants outside the sample; returns the totals of the others, and the sum of their failures.
local function narrow_half(circuit, half)
  write_half(half)
  local totals, failures = {}, 0
  local fields = redis.call('HGETALL', half.key)
  for i = 1, #fields, 2 do
    local tenant, worker = fields[i]:match('^([^/]*)(.*)$')
    if not votes(circuit, tenant) then
      redis.call('HDEL', half.key, fields[i])
      half.tallies[fields[i]] = NONE
    elseif worker == '' then
      totals[tenant] = tally_of(fields[i + 1])
      failures = failures + totals[tenant].failures
    end
  end
  half.size = redis.call('HLEN', half.key)
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

-- Halve the sample.
local function narrow(circuit, halves)
  circuit.sample = circuit.sample * 2
  local now, past
  now, circuit.now_failures = narrow_half(circuit, halves.now)
  past, circuit.past_failures = narrow_half(circuit, halves.past)
  circuit.now_active, circuit.now_failing = voters_in(now)
  for tenant, tally in pairs(now) do
    past[tenant] = tally
  end
  circuit.active, circuit.failing = voters_in(past)
end

-- True if the tenant is in the sample and its counts fit; `new` if this worker has not reported it yet.
local function takes(circuit, halves, half, tenant, new)
  local full = new and half.size >= MAX_COUNTS
  if new and half == halves.now and vote_of(half.tallies[tenant]) == nil then
    full = full or circuit.now_active >= MAX_VOTERS
  end
  if full and votes(circuit, tenant) and circuit.sample < MAX_SAMPLE then
    narrow(circuit, halves)
  end
  return votes(circuit, tenant) and not (new and half.size >= MAX_COUNTS)
end
