-- needs: circuit window transitions
-- A probe has ended without content. If it was never sent, and no other has started since, its start is undone.
-- Takes: ARGV[4] number, [5] generation, [6] 1 if it was sent.

local circuit = load_circuit(name)
local holder = worker .. ':' .. ARGV[4]
local lease = circuit and circuit.leases[holder]
if not lease or circuit.generation ~= tonumber(ARGV[5]) then
  return refused(circuit)
end
circuit.leases[holder] = nil
if ARGV[6] == '0' and lease.number == circuit.started then
  circuit.started = circuit.started - 1
  circuit.next_probe = ms
end
return changes(circuit)
