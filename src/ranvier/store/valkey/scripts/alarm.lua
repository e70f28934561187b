-- needs: circuit votes halves transitions
-- A worker saw its first failure: all shall report their counts.
-- Takes: ARGV[4] the generation of the failed call, 0 if unknown.

local generation = tonumber(ARGV[4])
local circuit = load_circuit(name)
if circuit == nil then
  circuit = new_circuit(next_generation(generation))
elseif circuit.state ~= 'closed' or (generation ~= 0 and generation ~= circuit.generation) then
  return answer(circuit, REFUSED)
elseif circuit.alarmed == 1 then
  begin_anew(name, circuit)
  return answer(circuit, ACCEPTED)
end
circuit.alarmed = 1
start_votes(name, circuit)
return answer(circuit, CHANGED)
