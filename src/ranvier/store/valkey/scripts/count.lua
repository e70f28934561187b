-- needs: circuit window halves tallies sample votes transitions probes widening
-- Counts of one worker in one half: they may open the circuit.
-- Takes: ARGV[4] generation, [5] half, [6] votes, [7] share, [8] cooldown, [9] max_cooldown, [10] jitter,
-- [11] and on: tenant, contents, failures.

local circuit = load_circuit(name)
if circuit == nil or circuit.generation ~= tonumber(ARGV[4]) or not circuit.alarmed then
  return refused(circuit)
end
begin_anew(name, circuit)
local half, quorum = tonumber(ARGV[5]), tonumber(ARGV[6])
local taken = half == circuit.half or half == circuit.half - 1
if taken then
  local counts = {}
  for i = 11, #ARGV, 3 do
    counts[#counts + 1] = {
      tenant = ARGV[i],
      contents = between(ARGV[i + 1], 0, MAX_COUNTED),
      failures = between(ARGV[i + 2], 0, MAX_COUNTED),
    }
  end
  count_all(name, circuit, worker, half == circuit.half, counts)
  if circuit.failing >= quorum and circuit.failing >= tonumber(ARGV[7]) * circuit.active then
    enter(circuit, 'open')
    circuit.opens = circuit.opens + 1
    wait_for(circuit, cooldown(ARGV[8], ARGV[9], 0, ARGV[10]))
    return changes(circuit)
  end
end
if turn(name, circuit, quorum) then -- the window is clean: the alarm ends
  circuit.alarmed = false
  start_votes(name, circuit)
  return changes(circuit)
end
if widen(name, circuit) then
  return changes(circuit)
end
save_circuit(name, circuit)
return taken and accepted(circuit) or refused(circuit)
