-- The probes of an open circuit.

-- Milliseconds until the next probe, when `probes` have started since the circuit opened.
local function cooldown(shortest, longest, probes, jitter)
  shortest = between(shortest, 0, DAY)
  longest = math.min(math.max(tonumber(longest), shortest), DAY)
  local wait = math.min(shortest * 2 ^ math.min(probes, 20), longest)
  return math.floor(wait * (1000 + between(jitter, 0, 200)) / 1000)
end

-- The next probe may start after so many milliseconds.
local function wait_for(circuit, milliseconds)
  circuit.waits, circuit.next_probe = milliseconds, ms + milliseconds
end

-- Count a probe, and start the next, longer cooldown.
local function cool_down(circuit, shortest, longest, jitter)
  circuit.started = circuit.started + 1
  wait_for(circuit, cooldown(shortest, longest, circuit.started, jitter))
end
