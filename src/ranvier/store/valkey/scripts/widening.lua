-- Sets the size of the sample, from an alarm on.

-- The largest power of 2 that is at most `number`, and at least 1.
local function power_of_2(number)
  local power = 1
  while power * 2 <= number do
    power = power * 2
  end
  return power
end

-- Widen a sample that is too small, if more counts fit. True if all workers must report again.
local function widen(name, circuit)
  if circuit.sample == 1 or ms < circuit.widens_at then
    return false
  end
  local counts = math.max(redis.call('HLEN', now_key(name)), redis.call('HLEN', past_key(name)), 1)
  local factor = math.min(circuit.sample, ENOUGH_VOTERS / math.max(circuit.active, 1), MAX_COUNTS / counts)
  if factor < 2 then
    return false
  end
  circuit.sample = circuit.sample / power_of_2(factor)
  circuit.widens_at = ms + WIDENS_AFTER
  return true
end
