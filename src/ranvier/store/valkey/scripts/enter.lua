-- needs: circuit votes transitions
-- An operator isolates or closes the circuit, which need not be known.
-- Takes: ARGV[4] the state.

local circuit = load_circuit(name)
if circuit == nil then
  circuit = new_circuit(next_generation(0))
elseif circuit.state == ARGV[4] and circuit.alarmed == 0 then
  return answer(circuit, ACCEPTED)
end
enter(circuit, ARGV[4])
return answer(circuit, CHANGED)
