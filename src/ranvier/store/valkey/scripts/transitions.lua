-- Changes the state of a circuit, and replies to the worker.
-- Takes: ARGV[1] the root of all keys, [2] the circuit's name, [3] the worker.

local name, worker = ARGV[2], ARGV[3]

-- Start a new generation in `state`, without probes and counts.
local function enter(circuit, state)
  circuit.state = state
  circuit.generation = next_generation(circuit.generation)
  circuit.step, circuit.started, circuit.alarmed = 0, 0, false
  circuit.leases = {}
  if state == 'open' then
    drop_counts(name) -- the numbers stay, for operators
  else
    start_votes(name, circuit)
  end
end

-- The command had no effect. `circuit` is nil if it is unknown.
local function refused(circuit, retry_after)
  local seen = view_of(name, circuit)
  seen.retry_after = retry_after or seen.retry_after
  return cjson.encode({accepted = false, circuit = seen})
end

-- The command took effect; other workers need no notice.
local function accepted(circuit)
  save_circuit(name, circuit)
  return cjson.encode({accepted = true, circuit = view_of(name, circuit)})
end

-- The command changed the circuit: push it to all workers.
local function changes(circuit)
  circuit.step = circuit.step + 1
  circuit.by = worker
  changed('c:' .. name, circuit.generation, circuit.state ~= 'closed' or circuit.alarmed)
  push(view_of(name, circuit))
  return accepted(circuit)
end
