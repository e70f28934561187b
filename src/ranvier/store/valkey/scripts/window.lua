-- The window of votes on a circuit: two hashes, of the current half and of the one before.
-- Field `tenant/worker`: the counts that a worker reported, as "contents failures"; field `tenant`: the total.

local function now_key(name) return circuit_key(name) .. ':now' end
local function past_key(name) return circuit_key(name) .. ':past' end

local function drop_counts(name)
  redis.call('DEL', now_key(name), past_key(name))
end

-- Start an empty window. Counts of earlier halves are not accepted any more.
local function start_votes(name, circuit)
  drop_counts(name)
  circuit.half = circuit.half + 2
  circuit.sample = 1
  circuit.started_at, circuit.widens_at = ms, ms + WIDENS_AFTER
  circuit.active, circuit.failing = 0, 0
  circuit.now_active, circuit.now_failing, circuit.now_failures, circuit.past_failures = 0, 0, 0, 0
end
