-- needs: circuit window transitions
-- Extends the lease of a probe in flight.
-- Takes: ARGV[4] number, [5] generation.

local circuit = load_circuit(name)
local lease = circuit and circuit.leases[worker .. ':' .. ARGV[4]]
if not is_valid(lease) or circuit.generation ~= tonumber(ARGV[5]) then
  return refused(circuit)
end
lease.alive = ms + LEASE_LIVES
return accepted(circuit)
