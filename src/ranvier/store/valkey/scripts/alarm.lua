-- needs: circuit window halves transitions widening
-- A worker's first failure: all workers must report their counts.
-- Takes: ARGV[4] the generation of the failed call, 0 if unknown, [5] how many voters there may be.

local generation = tonumber(ARGV[4])
local circuit = load_circuit(name)
if circuit == nil then
  circuit = new_circuit(next_generation(0))
elseif circuit.state ~= 'closed' or (generation ~= 0 and generation ~= circuit.generation) then
  return refused(circuit)
elseif circuit.alarmed then
  begin_anew(name, circuit)
  return accepted(circuit)
end
circuit.alarmed = true
start_votes(name, circuit)
circuit.sample = power_of_2(between(math.floor(tonumber(ARGV[5]) / MAX_VOTERS), 0, MAX_SAMPLE))
circuit.past_failures = 1 -- the failure that raised it: a whole clean window must follow
return changes(circuit)
