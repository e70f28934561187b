-- Tells all workers of a change, now by a push and later by the list of troubles.
-- Takes: ARGV[1] the root of all keys.

local root = ARGV[1]
local epoch_key = root .. ':epoch'
local troubles_key = root .. ':troubles'

-- `which` has changed; from now on it is a trouble, or no longer.
local function changed(which, troubled)
  local version = redis.call('HINCRBY', epoch_key, 'version', 1)
  redis.call('PEXPIRE', epoch_key, whole(KEEP_FLEET))
  if troubled then
    redis.call('ZADD', troubles_key, version, which)
    redis.call('ZREMRANGEBYRANK', troubles_key, 0, -MAX_TROUBLES - 1)
    redis.call('PEXPIRE', troubles_key, whole(KEEP_FLEET))
  else
    redis.call('ZREM', troubles_key, which)
  end
end

local function push(change)
  redis.call('PUBLISH', root .. ':changes', cjson.encode(change))
end
