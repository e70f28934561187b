-- needs: circuit votes halves transitions probes
-- Counts of one worker in one half: they may open the circuit.
-- Takes: ARGV[4] generation, [5] half, [6] votes, [7] share, [8] cooldown, [9] max_cooldown, [10] jitter,
-- [11] and on: tenant, contents, failures.

local MAX_COUNTED = 2147483647

local circuit = load_circuit(name)
if circuit == nil or circuit.generation ~= tonumber(ARGV[4]) or circuit.alarmed == 0 then
  return answer(circuit, REFUSED)
end
begin_anew(name, circuit)
local half, quorum = tonumber(ARGV[5]), tonumber(ARGV[6])
local taken = half == circuit.half or half == circuit.half - 1
if taken then
  for i = 11, #ARGV, 3 do
    count_tenant(name, circuit, worker, half, ARGV[i], {
      contents = between(ARGV[i + 1], 0, MAX_COUNTED),
      failures = between(ARGV[i + 2], 0, MAX_COUNTED),
    })
  end
  if circuit.failing >= quorum and circuit.failing >= tonumber(ARGV[7]) * circuit.active then
    enter(circuit, 'open')
    circuit.opens = circuit.opens + 1
    circuit.next_probe = ms + cooldown(ARGV[8], ARGV[9], 0, ARGV[10])
    return answer(circuit, CHANGED)
  end
end
if turn(name, circuit, quorum) then -- the window is clean: no counts are needed any more
  circuit.alarmed = 0
  start_votes(name, circuit)
  return answer(circuit, CHANGED)
end
return answer(circuit, taken and ACCEPTED or REFUSED)
