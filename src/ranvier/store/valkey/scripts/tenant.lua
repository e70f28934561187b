-- The circuit of one tenant: a hash, if it is open in some worker or isolated.

local function tenant_key(name)
  return root .. ':tenant:' .. name
end

-- The record, or nil; one with a time in the far future is from before the clock was set back, and ignored.
local function load_tenant(name)
  local found = redis.call('HMGET', tenant_key(name), 'state', 'generation', 'ends', 'by')
  local known = {state = found[1], generation = tonumber(found[2]), ends = tonumber(found[3]), by = found[4]}
  if not known.state then
    return nil
  end
  if known.state == 'open' and not (ms < known.ends and known.ends <= ms + DAY) then
    return nil
  end
  return known
end

local function save_tenant(name, known, lives)
  local key = tenant_key(name)
  redis.call('HSET', key, 'state', known.state, 'generation', whole(known.generation))
  redis.call('HSET', key, 'ends', whole(known.ends), 'by', known.by)
  redis.call('PEXPIRE', key, whole(lives))
end

local function view_of_tenant(name, known)
  known = known or {state = 'closed', generation = 0, by = ''}
  return {
    tenant = name,
    state = known.state,
    generation = whole(known.generation),
    retry_after = known.state == 'open' and known.ends - ms or nil,
    by = known.by,
  }
end
