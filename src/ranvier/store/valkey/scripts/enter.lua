-- needs: circuit window transitions
-- An operator isolates or closes a circuit, known or not.
-- Takes: ARGV[4] the state.

local circuit = load_circuit(name)
if circuit == nil then
  circuit = new_circuit(next_generation(0))
elseif circuit.state == ARGV[4] and not circuit.alarmed then
  return accepted(circuit)
end
enter(circuit, ARGV[4])
return changes(circuit)
