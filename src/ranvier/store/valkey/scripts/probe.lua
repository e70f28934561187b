-- needs: circuit window transitions probes
-- Ask to start a probe: one per cooldown, and only so many in flight.
-- Takes: ARGV[4] number, [5] lease, [6] max_probes, [7] cooldown, [8] max_cooldown, [9] jitter.

local circuit = load_circuit(name)
if circuit == nil or circuit.state ~= 'open' then
  return refused(circuit)
end
local probes, first_end = 0, math.huge
for holder, lease in pairs(circuit.leases) do
  if is_valid(lease) then
    probes = probes + 1
    first_end = math.min(first_end, lease.ends - ms, lease.alive - ms)
  else
    circuit.leases[holder] = nil
  end
end
local holder = worker .. ':' .. ARGV[4]
if circuit.leases[holder] then
  return accepted(circuit)
end
local wait = math.max(circuit.next_probe - ms, 0)
if probes >= tonumber(ARGV[6]) then
  wait = math.max(wait, probes > 0 and first_end or 0)
end
if wait > 0 then
  save_circuit(name, circuit)
  return refused(circuit, wait)
end
cool_down(circuit, ARGV[7], ARGV[8], ARGV[9])
local lease = between(ARGV[5], 0, DAY)
circuit.leases[holder] = {ends = ms + lease, alive = ms + LEASE_LIVES, number = circuit.started}
return changes(circuit)
