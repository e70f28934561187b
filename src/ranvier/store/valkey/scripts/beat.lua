-- needs: circuit votes transitions
-- A worker still waits for its probe.
-- Takes: ARGV[4] number, [5] generation.

local circuit = load_circuit(name)
local lease = circuit and circuit.leases['lease:' .. worker .. ':' .. ARGV[4]]
if not is_valid(lease) or circuit.generation ~= tonumber(ARGV[5]) then
  return answer(circuit, REFUSED)
end
lease.alive = ms + LEASE_LIVES
return answer(circuit, ACCEPTED)
