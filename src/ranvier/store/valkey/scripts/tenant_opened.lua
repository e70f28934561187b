-- needs: tenant
-- A worker's own circuit of a tenant has opened.
-- Takes: ARGV[2] its name, [3] the worker, [4] for how long.

local name = ARGV[2]
local known = load_tenant(name)
local open_for = between(ARGV[4], 0, DAY)
if known and (known.state == 'isolated' or known.ends >= ms + open_for) then
  return cjson.encode(view_of_tenant(name, known))
end
if open_for > 0 then
  local generation = next_generation(known and known.generation or 0)
  known = {state = 'open', generation = generation, ends = ms + open_for, by = ARGV[3]}
  save_tenant(name, known, open_for)
end
return cjson.encode(view_of_tenant(name, known))
