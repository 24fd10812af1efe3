-- Lets a request through and reserves what it needs, or changes nothing; or only looks.
--
-- KEYS[3], may be missing: a hash, request id -> note of the request.
-- ARGV[1]: now, ttl, day, month, tokens, nanos, least, places. Then the id ('': only look), the note, and
-- for each scope its name and its limits: requests, tokens, places, day, month (-1: none).
-- Returns nil if something has lapsed that is to be swept before, or
-- {reserved, refusals, scopes of which nothing is known, counters of all scopes}.

local KEPT = '259200000' -- milliseconds: what nobody asks for is forgotten, budgets are read anew
local LIMITS = '<ddddd'

local _, ttl, day, month, tokens, nanos, least, places = struct.unpack('<dddddddd', ARGV[1])
local id = ARGV[2]

local fields, last = { '#', '@' .. id }, 2
for n = 4, #ARGV, 2 do
  last = last + 1
  fields[last] = ARGV[n]
end
local found = redis.call('HMGET', state, unpack(fields))
local first_due = found[1] and tonumber(found[1])
if first_due and now >= first_due then return nil end

-- Returns the milliseconds until so much has left a window: what was used first leaves first.
local function wait(scope, name, w, amount)
  local at, slots = scope[w + 1], {}
  for i = 1, SPAN - 1 do slots[i] = slot(name, w, at + i) end
  for i, used in ipairs(redis.call('HMGET', state, unpack(slots))) do
    amount = amount - (used or 0)
    if amount <= 0 then return (at + i) * 1000 - now end
  end
  return (at + SPAN) * 1000 - now
end

local scopes, refusals, unknown, taken = {}, {}, {}, nanos

-- Looks at a budget, and lets it begin anew where its day or month is over.
local function budget(scope, number, b, period, limit, which)
  if scope[b] == 0 then return false end
  if scope[b] < period then scope[b], scope[b + 1], scope[b + 2] = period, 0, 0 end
  local room = limit - scope[b + 1] - scope[b + 2]
  if room < 0 then room = 0 end
  if least > room then refusals[#refusals + 1] = { number, which, 0 } end
  if room < taken then taken = room end
  return true
end

for n = 3, last do
  local name, scope, number = fields[n], counters(found[n]), n - 3
  local most_requests, most_tokens, at_once, of_day, of_month = struct.unpack(LIMITS, ARGV[2 * n - 1])
  scopes[n] = scope
  if most_requests >= 0 then
    advance(scope, name, REQUESTS)
    local over = scope[REQUESTS] + 1 - most_requests
    if over > 0 then refusals[#refusals + 1] = { number, 0, wait(scope, name, REQUESTS, over) } end
  end
  if most_tokens >= 0 then
    advance(scope, name, TOKENS)
    local over = scope[TOKENS] + tokens - most_tokens
    if over > 0 and tokens > 0 then
      refusals[#refusals + 1] = { number, 1, wait(scope, name, TOKENS, over) }
    end
  end
  if at_once >= 0 and places > 0 and scope[PLACES] + places > at_once then
    refusals[#refusals + 1] = { number, 2, 0 }
  end
  local known = of_day < 0 or budget(scope, number, DAY, day, of_day, 3)
  known = (of_month < 0 or budget(scope, number, MONTH, month, of_month, 4)) and known
  if not known then unknown[#unknown + 1] = name end
end

local again = found[2]
local passes = not again and id ~= '' and #refusals == 0 and #unknown == 0
local hold, written, uses = passes and cmsgpack.pack(tokens, taken), {}, {}
for n = 3, last do
  local name, scope = fields[n], scopes[n]
  if passes then
    local most_requests, most_tokens, at_once, of_day, of_month = struct.unpack(LIMITS, ARGV[2 * n - 1])
    local at, today, this_month, mine = 0, 0, 0, 0
    if most_requests >= 0 then
      scope[REQUESTS], scope[REQUESTS + 2] = scope[REQUESTS] + 1, scope[REQUESTS + 2] + 1
    end
    if most_tokens >= 0 then
      at = scope[TOKENS + 1]
      scope[TOKENS], scope[TOKENS + 2] = scope[TOKENS] + tokens, scope[TOKENS + 2] + tokens
    end
    if at_once >= 0 then mine, scope[PLACES] = places, scope[PLACES] + places end
    if of_day >= 0 then today, scope[DAY + 2] = scope[DAY], scope[DAY + 2] + taken end
    if of_month >= 0 then this_month, scope[MONTH + 2] = scope[MONTH], scope[MONTH + 2] + taken end
    hold = hold .. cmsgpack.pack(name, mine, at, today, this_month)
  end
  local packed = struct.pack(FORMAT, unpack(scope, 1, 13))
  uses[n - 2] = packed
  if packed ~= found[n] then
    written[#written + 1] = name
    written[#written + 1] = packed
  end
end
if passes then
  local lapses = string.format('%.0f', now + ttl)
  written[#written + 1] = fields[2]
  written[#written + 1] = hold
  if not first_due or now + ttl < first_due then
    written[#written + 1] = '#'
    written[#written + 1] = lapses
  end
  redis.call('ZADD', due, lapses, id)
  if KEYS[3] then redis.call('HSET', KEYS[3], id, ARGV[3]) end
end
if #written > 0 then redis.call('HSET', state, unpack(written)) end
if passes and not first_due then
  redis.call('PEXPIRE', state, KEPT)
  redis.call('PEXPIRE', due, KEPT)
end
if again then
  local _, reserved = cmsgpack.unpack(again)
  return { reserved, {}, {}, table.concat(uses) }
end
return { passes and taken or 0, refusals, unknown, table.concat(uses) }
