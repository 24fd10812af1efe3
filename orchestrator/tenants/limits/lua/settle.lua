-- Counts what was really used instead of what was reserved.
--
-- ARGV[1]: now, tokens, nanos. Then the id.
-- Returns whether there was such a reservation: the second time there is none.

local _, tokens, nanos = struct.unpack('<ddd', ARGV[1])
local packed = redis.call('HGET', state, '@' .. ARGV[2])
if not packed then return 0 end
release(ARGV[2], packed, tokens, nanos)
return 1
