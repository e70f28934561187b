-- needs: circuit window transitions probes
-- A failure in mode `observed` counts as a failed probe, once per cooldown.
-- Takes: ARGV[4] generation, [5] cooldown, [6] max_cooldown, [7] jitter.

local circuit = load_circuit(name)
if circuit == nil or circuit.state ~= 'open' or circuit.generation ~= tonumber(ARGV[4]) then
  return refused(circuit)
end
if ms < circuit.next_probe then
  return refused(circuit)
end
cool_down(circuit, ARGV[5], ARGV[6], ARGV[7])
return changes(circuit)
