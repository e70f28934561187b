-- Whole numbers. Lua has doubles only, and would write large ones with an exponent.

local function whole(number)
  return string.format('%.0f', number)
end

local function between(number, least, most)
  return math.min(math.max(tonumber(number), least), most)
end

local function one(truth)
  return truth and 1 or 0
end
