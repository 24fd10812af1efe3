-- What the scripts of limits have in common; each is this, and one of the others after it.
--
-- KEYS, all in one hash slot (orchestrator/kit/slots.py):
--   1  hash: what is counted of one tenant and its keys
--        <scope>           its counters, 13 doubles, see below; <scope> is "tenant" or the id of a key
--        <scope>:<w><n>    what was used in a second before the latest, its number modulo SPAN is <n>;
--                          <w> is r (requests) or t (tokens)
--        @<request id>     its reservation: tokens, nanos, then for each scope its name, its places, the
--                          second its tokens count in (0: they do not), its day and its month (likewise)
--        #                 when the first reservation may lapse, in milliseconds
--   2  sorted set: request id -> when its reservation lapses, in milliseconds
-- ARGV[1] holds doubles, the first of them the time in milliseconds since 1970, 0: the server's own.
--
-- What a script costs is calls, closures and texts, in this order: counters are read at once and written at
-- once, numbers come packed, and what is seldom done has a script of its own.

local SPAN = 61 -- a second more than a minute, since moments within a second are not told apart

-- Places in a scope's counters. A window is its sum, its latest second, and what of the sum is of that; a
-- budget is its day or month (UTC) such as 20260131, what was spent in it, and what is reserved in it, in
-- billionths of a dollar. A day 0 is one of which nothing is known.
local PLACES, REQUESTS, TOKENS, DAY, MONTH = 1, 2, 5, 8, 11
local FORMAT = '<ddddddddddddd'

local state, due = KEYS[1], KEYS[2]
local now = struct.unpack('<d', ARGV[1])
if now == 0 then
  local clock = redis.call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end
local second = math.floor(now / 1000)

local function counters(packed)
  if packed then return { struct.unpack(FORMAT, packed) } end
  return { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
end

local function slot(name, w, at)
  return name .. (w == REQUESTS and ':r' or ':t') .. at % SPAN
end

-- Takes out of a window what has left it. Its second never goes back, unless the clock was set back by
-- more than the window is long: then what it holds would never leave.
local function advance(scope, name, w)
  local sum, at, latest = scope[w], scope[w + 1], scope[w + 2]
  local past = second - at
  if past <= 0 and past > -SPAN then return end
  if sum > 0 then
    local gone = {}
    if past < 0 or past >= SPAN then
      past, sum = SPAN, 0
    elseif latest > 0 then
      redis.call('HSET', state, slot(name, w, at), string.format('%.0f', latest))
    end
    for i = 1, past do gone[i] = slot(name, w, at + i) end
    if sum > 0 then
      for _, used in ipairs(redis.call('HMGET', state, unpack(gone))) do
        sum = sum - (used or 0)
      end
    end
    redis.call('HDEL', state, unpack(gone))
  end
  scope[w], scope[w + 1], scope[w + 2] = sum, second, 0
end
