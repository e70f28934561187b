-- needs: gate
-- A provider limits or rejects a key: closes its gate. Of several closings, the longest applies.
-- Takes: ARGV[2] the gate, [3] the worker, [4] for how long, [5] the reason, [6] 1 if waiting does not help.

local name, reason = ARGV[2], ARGV[5]
local closing = load_gate(name)
local closed_for = between(ARGV[4], 0, DAY)
local ends = ms + closed_for
local nothing = closing == nil and closed_for == 0
if closing and ends < closing.ends + LEAST_EXTENSION then
  nothing = not (ARGV[6] == '1' and reason ~= closing.reason)
end
if nothing then
  return cjson.encode(view_of_gate(name, closing))
end
return answer_gate(name, {
  generation = next_generation(closing and closing.generation or 0),
  ends = math.max(ends, closing and closing.ends or 0),
  reason = reason,
  by = ARGV[3],
})
