-- A shared circuit: a hash with its state, its numbers, and one field per lease of a probe.
-- It is half-open as long as it is open and a lease is valid.

local NUMBERS = {
  'generation', 'step', 'next_probe', 'started', 'alarmed', 'opens',
  'half', 'sample', 'started_at', 'active', 'failing',
  'now_active', 'now_failing', 'now_failures', 'past_failures',
}

local function circuit_key(name)
  return root .. ':circuit:{' .. name .. '}'
end

local function new_circuit(generation)
  local circuit = {state = 'closed', by = '', leases = {}}
  for _, name in ipairs(NUMBERS) do
    circuit[name] = 0
  end
  circuit.generation = generation
  circuit.sample = 1
  return circuit
end

-- The circuit, or nil if it is not known.
local function load_circuit(name)
  local fields = redis.call('HGETALL', circuit_key(name))
  if #fields == 0 then
    return nil
  end
  local circuit = {leases = {}}
  for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    local ends, alive, number = value:match('^(%d+) (%d+) (%d+)$')
    if field:sub(1, 6) == 'lease:' then
      circuit.leases[field] = {ends = tonumber(ends), alive = tonumber(alive), number = tonumber(number)}
    else
      circuit[field] = value
    end
  end
  for _, name in ipairs(NUMBERS) do
    circuit[name] = tonumber(circuit[name])
  end
  return circuit
end

local function save_circuit(name, circuit)
  local fields = {'state', circuit.state, 'by', circuit.by}
  local function add(field, value)
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  for _, field in ipairs(NUMBERS) do
    add(field, whole(circuit[field]))
  end
  for holder, lease in pairs(circuit.leases) do
    add(holder, whole(lease.ends) .. ' ' .. whole(lease.alive) .. ' ' .. whole(lease.number))
  end
  redis.call('DEL', circuit_key(name))
  redis.call('HSET', circuit_key(name), unpack(fields))
  local lives = circuit.state == 'isolated' and KEEP_ISOLATED or KEEP_CIRCUIT
  redis.call('PEXPIRE', circuit_key(name), whole(lives))
end

-- True until one of both times; one in the far future is from before the clock was set back.
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
    alarmed = circuit.alarmed == 1,
    half = circuit.half,
    sample = circuit.sample,
    failing = circuit.failing,
    active = circuit.active,
    probes = probes,
    opens = circuit.opens,
    by = circuit.by,
  }
end
