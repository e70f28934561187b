-- needs: circuit votes transitions
-- Content proves that the target answers: the circuit closes.
-- Takes: ARGV[4] generation, [5] the number of the probe or 0, [6] 1 if the circuit is only observed.

local circuit = load_circuit(name)
if circuit == nil or circuit.state ~= 'open' or circuit.generation ~= tonumber(ARGV[4]) then
  return answer(circuit, REFUSED)
end
if ARGV[5] ~= '0' and not is_valid(circuit.leases['lease:' .. worker .. ':' .. ARGV[5]]) then
  return answer(circuit, REFUSED)
end
if ARGV[6] == '1' and ms < circuit.next_probe then
  return answer(circuit, REFUSED)
end
enter(circuit, 'closed')
return answer(circuit, CHANGED)
