-- needs: gate
-- Opens the gate that was closed under this generation.
-- Takes: ARGV[2] the gate, [3] the worker, [4] the generation.

local name = ARGV[2]
local closing = load_gate(name)
if closing == nil or closing.generation ~= tonumber(ARGV[4]) then
  return cjson.encode(view_of_gate(name, closing))
end
return answer_gate(name, {generation = next_generation(closing.generation), ends = 0, reason = '', by = ARGV[3]})
