-- needs: tenant
-- An operator isolates or closes the circuit of a tenant in all workers.
-- Takes: ARGV[2] its name, [3] the worker, [4] the state.

local name, state = ARGV[2], ARGV[4]
local known = load_tenant(name)
if known and known.state == 'isolated' and state == 'isolated' then
  return cjson.encode(view_of_tenant(name, known))
end
known = {state = state, generation = next_generation(known and known.generation or 0), ends = 0, by = ARGV[3]}
changed('t:' .. name, known.generation, state == 'isolated')
if state == 'isolated' then
  save_tenant(name, known, KEEP_ISOLATED)
else
  redis.call('DEL', tenant_key(name))
end
local seen = view_of_tenant(name, known)
push(seen)
return cjson.encode(seen)
