-- The server's time, in microseconds for generations and in milliseconds for everything else.

local clock = redis.call('TIME')
local us = clock[1] * 1000000 + clock[2]
local ms = math.floor(us / 1000)
