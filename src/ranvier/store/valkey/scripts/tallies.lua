-- The tallies in one half: read together, and written together at the end.

local NONE = {contents = 0, failures = 0}

local function tally_of(text)
  if not text then
    return NONE
  end
  local contents, failures = text:match('^(%d+) (%d+)$')
  return {contents = tonumber(contents), failures = tonumber(failures)}
end

-- True votes against the target, false for it, nil means no vote.
local function vote_of(tally)
  if tally.contents == 0 and tally.failures == 0 then
    return nil
  end
  return tally.failures > tally.contents
end

-- The half at `key`, with the tallies in `fields`.
local function open_half(key, fields)
  local half = {key = key, size = redis.call('HLEN', key), tallies = {}, changed = {}}
  for i, text in ipairs(#fields > 0 and redis.call('HMGET', key, unpack(fields)) or {}) do
    half.tallies[fields[i]] = tally_of(text)
  end
  return half
end

local function put_tally(half, field, tally)
  half.size = half.size + one(vote_of(tally) ~= nil) - one(vote_of(half.tallies[field]) ~= nil)
  half.tallies[field] = tally
  half.changed[field] = true
end

local function write_half(half)
  local put = {}
  for field in pairs(half.changed) do
    local tally = half.tallies[field]
    if vote_of(tally) == nil then
      redis.call('HDEL', half.key, field)
    else
      put[#put + 1] = field
      put[#put + 1] = whole(tally.contents) .. ' ' .. whole(tally.failures)
    end
  end
  if #put > 0 then
    redis.call('HSET', half.key, unpack(put))
    redis.call('PEXPIRE', half.key, whole(KEEP_COUNTS))
  end
  half.changed = {}
end
