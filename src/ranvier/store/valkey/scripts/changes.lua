-- Publishes a change to all workers, now by a push and later by the list of troubles.
-- Takes: ARGV[1] the root of all keys.

local root = ARGV[1]
local epoch_key = root .. ':epoch'
local troubles_key = root .. ':troubles'

-- The version of the last change; no generation exceeds it.
local version = tonumber(redis.call('HGET', epoch_key, 'version') or 0)

-- The generation after `stored`; it grows even if `stored` was lost, or the clock was set back.
local function next_generation(stored)
  return math.max(stored + 1, version + 1, us)
end

-- Note a change of `which`; `troubled` says if workers must be informed of it from now on.
local function changed(which, generation, troubled)
  version = math.max(version + 1, generation)
  redis.call('HSET', epoch_key, 'version', whole(version))
  redis.call('PEXPIRE', epoch_key, whole(KEEP_FLEET))
  if troubled then
    redis.call('ZADD', troubles_key, whole(version), which)
    redis.call('ZREMRANGEBYRANK', troubles_key, 0, -MAX_TROUBLES - 1)
    redis.call('PEXPIRE', troubles_key, whole(KEEP_FLEET))
  else
    redis.call('ZREM', troubles_key, which)
  end
end

local function push(change)
  redis.call('PUBLISH', root .. ':changes', cjson.encode(change))
end
