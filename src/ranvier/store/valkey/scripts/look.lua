-- needs: circuit tenant gate
-- The changes after the version that a worker has seen, and the states of the troubles that it knows.
-- Takes: ARGV[2] the version, [3] and on: troubles, by kind and name.

local seen = tonumber(ARGV[2])
local epoch = redis.call('HGET', epoch_key, 'id') or ''
if seen == version and seen > 0 then
  return cjson.encode({epoch = epoch, version = whole(version), more = false, changes = {}})
end
if seen > version then
  seen = 0
end

local changes, shown = {}, {}

-- The current view of one trouble, and its record, if there is one.
local function read(which)
  local kind, name = which:sub(1, 1), which:sub(3)
  local load, view = load_circuit, view_of
  if kind == 't' then
    load, view = load_tenant, view_of_tenant
  elseif kind == 'g' then
    load, view = load_gate, view_of_gate
  end
  local found = load(name)
  return view(name, found), found
end

-- Add one trouble to the changes, unless it has expired.
local function show(which)
  local view, found = read(which)
  if found then
    changes[#changes + 1] = view
    shown[which] = true
  else
    redis.call('ZREM', troubles_key, which)
  end
end

local last = version
local found = redis.call(
  'ZRANGEBYSCORE', troubles_key, '(' .. whole(seen), '+inf', 'WITHSCORES', 'LIMIT', 0, MAX_LOOKED + 1
)
local more = #found > 2 * MAX_LOOKED
for i = 1, math.min(#found, 2 * MAX_LOOKED), 2 do
  show(found[i])
  if more then
    last = tonumber(found[i + 1])
  end
end
for i = 3, math.min(#ARGV, MAX_LOOKED + 2) do
  if not shown[ARGV[i]] then
    changes[#changes + 1] = read(ARGV[i])
  end
end
return cjson.encode({epoch = epoch, version = whole(last), more = more, changes = changes})
