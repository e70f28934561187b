-- The probes of an open circuit.

-- Milliseconds until the next probe, when `probes` have started since the circuit opened.
local function cooldown(shortest, longest, probes, jitter)
  shortest = between(shortest, 0, DAY)
  longest = math.min(math.max(tonumber(longest), shortest), DAY)
  local wait = math.min(shortest * 2 ^ math.min(probes, 20), longest)
  return math.floor(wait * (1000 + between(jitter, 0, 200)) / 1000)
end

-- A probe starts, or stands for one: the next may start after a longer time.
local function cool_down(circuit, shortest, longest, jitter)
  circuit.started = circuit.started + 1
  circuit.next_probe = ms + cooldown(shortest, longest, circuit.started, jitter)
end
