-- Counts one vote per tenant, from the reports of many workers.

-- Update the numbers of voters after the total of a tenant in one half has changed from `before` to `after`.
-- `hidden` is its vote in the other half.
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

-- Replace the counts that a worker reported for a tenant in one half; `field` is its tally there.
local function count_tenant(circuit, halves, half, tenant, field, report)
  local other = half == halves.now and halves.past or halves.now
  local mine = half.tallies[field]
  if report.contents == mine.contents and report.failures == mine.failures then
    return
  end
  if not takes(circuit, halves, half, tenant, vote_of(mine) == nil) then
    return
  end
  mine = half.tallies[field]
  local before = half.tallies[tenant]
  local after = {
    contents = before.contents + report.contents - mine.contents,
    failures = before.failures + report.failures - mine.failures,
  }
  put_tally(half, field, report)
  put_tally(half, tenant, after)
  count_vote(circuit, half == halves.now, before, after, vote_of(other.tallies[tenant]))
end

-- Count the reports of `worker` for the current half, or for the one before.
local function count_all(name, circuit, worker, current, counts)
  local tenants, both = {}, {}
  for _, report in ipairs(counts) do
    tenants[#tenants + 1] = report.tenant
    both[#both + 1] = report.tenant
    both[#both + 1] = report.tenant .. '/' .. worker
  end
  local halves = {
    now = open_half(now_key(name), current and both or tenants),
    past = open_half(past_key(name), current and tenants or both),
  }
  local half = current and halves.now or halves.past
  for _, report in ipairs(counts) do
    count_tenant(circuit, halves, half, report.tenant, report.tenant .. '/' .. worker, report)
  end
  write_half(half)
end
