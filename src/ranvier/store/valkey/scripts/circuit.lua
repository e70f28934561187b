-- A shared circuit: one JSON object with its state, its numbers and the leases of its probes.
-- It is half-open as long as it is open and a lease is valid.

local function circuit_key(name)
  return root .. ':circuit:{' .. name .. '}'
end

local function new_circuit(generation)
  return {
    state = 'closed', generation = generation, step = 0, by = '', opens = 0, alarmed = false,
    next_probe = 0, waits = 0, started = 0, leases = {},
    half = 0, sample = 1, started_at = 0, widens_at = 0, active = 0, failing = 0,
    now_active = 0, now_failing = 0, now_failures = 0, past_failures = 0,
  }
end

local function save_circuit(name, circuit)
  local generation = circuit.generation
  circuit.generation = whole(generation) -- JSON would round it
  local lives = circuit.state == 'isolated' and KEEP_ISOLATED or KEEP_CIRCUIT
  redis.call('SET', circuit_key(name), cjson.encode(circuit), 'PX', whole(lives))
  circuit.generation = generation
end

-- The circuit, or nil if it is unknown.
local function load_circuit(name)
  local text = redis.call('GET', circuit_key(name))
  if not text then
    return nil
  end
  local circuit = cjson.decode(text)
  circuit.generation = tonumber(circuit.generation)
  local latest = ms + (circuit.waits or DAY)
  if circuit.state == 'open' and circuit.next_probe > latest then -- the clock was set back
    circuit.next_probe = latest
    save_circuit(name, circuit)
  end
  return circuit
end

-- True until the first of both times; a time in the far future means that the clock was set back.
local function is_valid(lease)
  return lease ~= nil and ms < lease.ends and ms < lease.alive and lease.alive <= ms + LEASE_LIVES
end

local function view_of(name, circuit)
  circuit = circuit or new_circuit(0)
  local probes = 0
  for _, lease in pairs(circuit.leases) do
    probes = probes + one(is_valid(lease))
  end
  local open = circuit.state == 'open'
  return {
    circuit = name,
    state = open and probes > 0 and 'half_open' or circuit.state,
    generation = whole(circuit.generation),
    step = circuit.step,
    retry_after = open and math.max(circuit.next_probe - ms, 0) or nil,
    alarmed = circuit.alarmed,
    half = circuit.half,
    sample = circuit.sample,
    failing = circuit.failing,
    active = circuit.active,
    probes = probes,
    opens = circuit.opens,
    by = circuit.by,
  }
end
