-- needs:
-- Leases a part of a tenant's limit to a worker, on top of what it has spent, or takes the unspent part back.
-- Takes: ARGV[2] the limit, [3] the tenant, [4] the length of a window, [5] the window that the worker is in,
-- [6] the worker, [7] number, [8] spent, [9] least, [10] wanted, [11] cap, [12] 1 if it begins anew.
-- A hash has each worker's holding, as "number held granted", and the sum of the held amounts in `total`.

local length, worker, number = tonumber(ARGV[4]), ARGV[6], tonumber(ARGV[7])
local least, wanted, cap = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local window = math.floor(ms / length)
local ends_in = length - ms % length
local key = root .. ':spent:' .. ARGV[2] .. ':' .. whole(window) .. ':' .. ARGV[3]

local found = redis.call('HMGET', key, 'total', 'of ' .. worker)
local last, held, granted = 0, 0, 0
if found[2] then
  last, held, granted = found[2]:match('^(%d+) (%d+) (%d+)$')
  last, held, granted = tonumber(last), tonumber(held), tonumber(granted)
end
local others = math.max(tonumber(found[1] or 0) - held, 0)

if number > last then
  local same = window == tonumber(ARGV[5])
  local forgotten = (ARGV[12] == '1' or not same) and held or held - granted
  local spent = math.min(forgotten + (same and tonumber(ARGV[8]) or 0), MAX_NUMBER)
  local room = math.max(cap - others - spent, 0)
  local more = room >= 2 * wanted and wanted or math.min(least, room)
  local before = held
  held = spent + more
  if wanted > 0 then -- until the reply arrives, it may spend what it holds
    held = math.max(held, before)
  end
  granted = held - forgotten
  local mine = whole(number) .. ' ' .. whole(held) .. ' ' .. whole(granted)
  redis.call('HSET', key, 'total', whole(others + held), 'of ' .. worker, mine)
  redis.call('PEXPIRE', key, whole(ends_in + KEEP_SPENT))
end
return cjson.encode({
  window = whole(window),
  ends_in = whole(ends_in),
  held = whole(granted),
  left = whole(math.max(cap - others - held, 0)),
})
