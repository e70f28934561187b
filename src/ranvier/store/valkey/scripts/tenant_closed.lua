-- needs: tenant
-- A worker's own circuit of a tenant has closed: ends the opening by that worker, or the one of `generation`.
-- Takes: ARGV[2] its name, [3] the worker, [4] the generation.

local name = ARGV[2]
local known = load_tenant(name)
if known and known.state == 'open' and (known.by == ARGV[3] or known.generation == tonumber(ARGV[4])) then
  redis.call('DEL', tenant_key(name))
  known = nil
end
return cjson.encode(view_of_tenant(name, known))
