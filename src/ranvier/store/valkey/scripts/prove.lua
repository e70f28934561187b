-- needs: circuit window transitions
-- Content proves that the target answers: the circuit closes.
-- Takes: ARGV[4] generation, [5] the number of the probe or 0, [6] 1 if the circuit is only observed.

local circuit = load_circuit(name)
if circuit == nil or circuit.state ~= 'open' or circuit.generation ~= tonumber(ARGV[4]) then
  return refused(circuit)
end
if ARGV[5] ~= '0' and not is_valid(circuit.leases[worker .. ':' .. ARGV[5]]) then
  return refused(circuit)
end
if ARGV[6] == '1' and ms < circuit.next_probe then
  return refused(circuit)
end
enter(circuit, 'closed')
return changes(circuit)
