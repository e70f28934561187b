-- Ends the halves of the window.

-- Clear both halves if the current one is older than two halves, or if counts were evicted.
local function begin_anew(name, circuit)
  circuit.started_at = math.min(circuit.started_at, ms) -- the clock was set back
  circuit.widens_at = math.min(circuit.widens_at, ms + WIDENS_AFTER)
  local stale = ms - circuit.started_at >= 2 * LONGEST_HALF
  local lost = circuit.now_active > 0 and redis.call('EXISTS', now_key(name)) == 0
  lost = lost or (circuit.active > circuit.now_active and redis.call('EXISTS', past_key(name)) == 0)
  if stale or lost then
    local sample = circuit.sample
    start_votes(name, circuit)
    circuit.sample = sample
  end
end

-- End the current half if it is due. True if neither it nor the past half had a failure.
local function turn(name, circuit, quorum)
  local age = ms - circuit.started_at
  if age < HALF or (age < LONGEST_HALF and circuit.now_active < quorum) then
    return false
  end
  local clean = circuit.now_failures == 0 and circuit.past_failures == 0
  circuit.half = circuit.half + 1
  circuit.started_at = ms
  redis.call('DEL', past_key(name))
  if redis.call('EXISTS', now_key(name)) == 1 then
    redis.call('RENAME', now_key(name), past_key(name))
  end
  circuit.active, circuit.failing = circuit.now_active, circuit.now_failing
  circuit.past_failures = circuit.now_failures
  circuit.now_active, circuit.now_failing, circuit.now_failures = 0, 0, 0
  return clean
end
