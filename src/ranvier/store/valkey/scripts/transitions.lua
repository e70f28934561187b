-- What happens to a circuit, and the answer to the worker.
-- Takes: ARGV[1] the root of all keys, [2] the circuit's name, [3] the worker.

local name, worker = ARGV[2], ARGV[3]
local REFUSED, ACCEPTED, CHANGED = 0, 1, 2

-- Begin a new generation in `state`, without probes and counts.
local function enter(circuit, state)
  circuit.state = state
  circuit.generation = next_generation(circuit.generation)
  circuit.step, circuit.started, circuit.alarmed = 0, 0, 0
  circuit.leases = {}
  if state == 'open' then
    drop_counts(name) -- the numbers stay, for operators
  else
    start_votes(name, circuit)
  end
end

-- The reply to a command; `circuit` is nil if it is not known.
local function answer(circuit, came, retry_after)
  if circuit == nil then
    return cjson.encode({accepted = false, circuit = view_of(name, nil)})
  end
  if came == CHANGED then
    circuit.step = circuit.step + 1
    circuit.by = worker
    changed('c:' .. name, circuit.state ~= 'closed' or circuit.alarmed == 1)
  end
  save_circuit(name, circuit)
  local seen = view_of(name, circuit)
  if came == CHANGED then
    push(seen)
  end
  seen.retry_after = retry_after or seen.retry_after
  return cjson.encode({accepted = came ~= REFUSED, circuit = seen})
end
