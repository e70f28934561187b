-- The gate of a key that workers share: a hash, if it is closed.

local function gate_key(name)
  return root .. ':gate:' .. name
end

-- The closing, or nil; one with a time in the far future is from before the clock was set back, and ignored.
local function load_gate(name)
  local found = redis.call('HMGET', gate_key(name), 'generation', 'ends', 'reason', 'by')
  local closing = {generation = tonumber(found[1]), ends = tonumber(found[2]), reason = found[3], by = found[4]}
  if closing.ends and ms < closing.ends and closing.ends <= ms + DAY then
    return closing
  end
  return nil
end

local function view_of_gate(name, closing)
  closing = closing or {generation = 0, ends = 0, reason = '', by = ''}
  return {
    gate = name,
    closed_for = math.max(closing.ends - ms, 0),
    generation = whole(closing.generation),
    reason = closing.reason,
    by = closing.by,
  }
end

-- The gate has changed: keep it, push it to all workers, and answer.
local function answer_gate(name, closing)
  local key = gate_key(name)
  changed('g:' .. name, closing.generation, closing.ends > ms)
  redis.call('DEL', key)
  if closing.ends > ms then
    redis.call('HSET', key, 'generation', whole(closing.generation), 'ends', whole(closing.ends))
    redis.call('HSET', key, 'reason', closing.reason, 'by', closing.by)
    redis.call('PEXPIRE', key, whole(closing.ends - ms))
  end
  local seen = view_of_gate(name, closing)
  push(seen)
  return cjson.encode(seen)
end
