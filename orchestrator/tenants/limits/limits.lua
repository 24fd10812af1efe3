-- Limits and budgets of one tenant and its keys, in one atomic step each.
--
-- KEYS share the tenant's hash tag, but for the last:
--   1  hash: counters. <scope> is "tenant" or the id of a key, <w> is r (requests) or t (tokens)
--        <scope>           packed: c = requests under way;
--                          r and t = { sum of the last SPAN seconds, the second that sum is of };
--                          d and m = { day or month (UTC) such as 20260131, spent in it, reserved in it },
--                          in billionths of a dollar
--        <scope>:<w><n>    what was used in the second that is n modulo SPAN
--   2  sorted set: request id -> when its reservation lapses, in milliseconds
--   3  hash: request id -> its reservation, packed
--   4  hash (admit only, may be missing): request id -> note of the request
-- ARGV[1] is the operation, ARGV[2] the time in milliseconds since 1970, 0: the server's own.

local SPAN = 61 -- a second more than a minute, since moments within a second are not told apart
local SWEPT = 100

local state, due, held = KEYS[1], KEYS[2], KEYS[3]
local now = tonumber(ARGV[2])
if now == 0 then
  local clock = redis.call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end
local second = math.floor(now / 1000)

-- Counters of the scopes that were looked at, written once by save().
local counters = {}

local function load(name)
  if counters[name] == nil then
    local packed = redis.call('HGET', state, name)
    counters[name] = packed and cmsgpack.unpack(packed) or { c = 0 }
  end
  return counters[name]
end

local function save()
  local written = {}
  for name, scope in pairs(counters) do
    if scope.changed then
      scope.changed = nil
      written[#written + 1] = name
      written[#written + 1] = cmsgpack.pack(scope)
    end
  end
  if #written > 0 then redis.call('HSET', state, unpack(written)) end
end

local function slot(name, letter, at)
  return name .. ':' .. letter .. at % SPAN
end

-- Returns a window without what has left it. Its second never goes back.
local function window(name, letter)
  local scope = load(name)
  local found = scope[letter]
  if not found then
    found = { 0, second }
    scope[letter] = found
  elseif found[2] < second then
    local sum, at = found[1], found[2]
    if sum > 0 then
      local slots = {}
      for i = 1, math.min(second - at, SPAN) do slots[i] = slot(name, letter, at + i) end
      for _, used in ipairs(redis.call('HMGET', state, unpack(slots))) do
        sum = sum - tonumber(used or 0)
      end
      redis.call('HDEL', state, unpack(slots))
    end
    found[1], found[2] = sum, second
    scope.changed = true
  end
  return found
end

local function use(name, letter, at, amount)
  local scope = load(name)
  scope[letter][1] = scope[letter][1] + amount
  scope.changed = true
  redis.call('HINCRBY', state, slot(name, letter, at), string.format('%.0f', amount))
end

-- Returns the milliseconds until so much has left a window.
local function wait(name, letter, amount)
  local at = load(name)[letter][2]
  local slots = {}
  for i = 1, SPAN do slots[i] = slot(name, letter, at + i) end -- the oldest first
  for i, used in ipairs(redis.call('HMGET', state, unpack(slots))) do
    amount = amount - tonumber(used or 0)
    if amount <= 0 then return (at + i) * 1000 - now end
  end
  return SPAN * 1000
end

-- Returns the budget of a day or a month, nil if nobody knows what was spent.
local function budget(name, letter, period)
  local scope = load(name)
  local found = scope[letter]
  if found and found[1] < period then
    found[1], found[2], found[3] = period, 0, 0
    scope.changed = true
  end
  return found
end

-- Ends a reservation. Without what was really used, only what was reserved of money is given back, and
-- the place: the rest has left its window by then.
local function release(id, packed, tokens, nanos)
  redis.call('HDEL', held, id)
  redis.call('ZREM', due, id)
  local hold = cmsgpack.unpack(packed)
  for _, part in ipairs(hold.parts) do
    local name = part.name
    local scope = load(name)
    if part.slots > 0 and scope.c > 0 then
      scope.c = math.max(0, scope.c - part.slots)
      scope.changed = true
    end
    if part.second > 0 and tokens and scope.t then
      local at = window(name, 't')[2]
      if part.second > at - SPAN then
        local used = tonumber(redis.call('HGET', state, slot(name, 't', part.second)) or 0)
        use(name, 't', part.second, math.max(tokens - hold.tokens, -used))
      end
    end
    for letter, period in pairs(part.periods) do
      local found = scope[letter]
      if found and found[1] == period then
        found[2] = found[2] + (nanos or 0)
        found[3] = math.max(0, found[3] - hold.nanos)
        scope.changed = true
      end
    end
  end
end

local function sweep()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, SWEPT)) do
    local packed = redis.call('HGET', held, id)
    if packed then release(id, packed) else redis.call('ZREM', due, id) end
  end
end

-- Returns numbers as one text for each scope: texts are read faster than lists of numbers.
local function shown(uses)
  local texts = {}
  for i, used in ipairs(uses) do
    texts[i] = string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f', unpack(used))
  end
  return texts
end

-- ARGV: id ('': only look), ttl, day, month, tokens, nanos, least, slots, note, then for each scope its
-- name and its limits (-1: none). Returns {reserved, refusals, unknown, uses}.
local function admit()
  local id, ttl, day, month = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  local tokens, nanos, least = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  local slots, note = tonumber(ARGV[10]), ARGV[11]
  local refusals, unknown, uses, parts = {}, {}, {}, {}
  local taken = nanos
  sweep()

  for first = 12, #ARGV, 6 do
    local name, number = ARGV[first], #parts
    local requests, most, at_once = ARGV[first + 1], ARGV[first + 2], tonumber(ARGV[first + 3])
    local used = { 0, 0, 0, 0, 0, 0, 0 }
    local part = { name = name, slots = 0, second = 0, periods = {} }
    local known = true

    local function refuse(limit, milliseconds)
      refusals[#refusals + 1] = { number, limit, milliseconds }
    end

    local function check_window(letter, limit, which, amount)
      local found = window(name, letter)
      used[which + 1] = found[1]
      local over = found[1] + amount - limit
      if over > 0 then refuse(which, wait(name, letter, over)) end
      return found[2]
    end

    local function check_budget(letter, period, limit, which, place)
      if limit < 0 then return end
      local found = budget(name, letter, period)
      if not found then
        known = false
        return
      end
      used[place], used[place + 1] = found[2], found[3]
      part.periods[letter] = found[1]
      local room = math.max(limit - found[2] - found[3], 0)
      if least > room then refuse(which, 0) end
      taken = math.min(taken, room)
    end

    if requests ~= '-1' then part.asked = check_window('r', tonumber(requests), 0, 1) end
    if most ~= '-1' then part.second = check_window('t', tonumber(most), 1, tokens) end
    if at_once >= 0 then
      used[3], part.slots = load(name).c, slots
      if slots > 0 and used[3] + slots > at_once then refuse(2, 0) end
    end
    check_budget('d', day, tonumber(ARGV[first + 4]), 3, 4)
    check_budget('m', month, tonumber(ARGV[first + 5]), 4, 6)
    if not known then unknown[#unknown + 1] = name end
    parts[#parts + 1], uses[#uses + 1] = part, used
  end

  local again = id ~= '' and redis.call('HGET', held, id)
  if again then return { cmsgpack.unpack(again).nanos, {}, {}, shown(uses) } end
  if id == '' or #refusals > 0 or #unknown > 0 then
    return { 0, refusals, unknown, shown(uses) }
  end

  for i, part in ipairs(parts) do
    local name, used = part.name, uses[i]
    local scope = load(name)
    if part.asked then
      use(name, 'r', part.asked, 1)
      used[1], part.asked = used[1] + 1, nil
    end
    if part.second > 0 then
      use(name, 't', part.second, tokens)
      used[2] = used[2] + tokens
    end
    scope.c, used[3] = scope.c + part.slots, used[3] + part.slots
    for letter, place in pairs({ d = 5, m = 7 }) do
      if part.periods[letter] then
        scope[letter][3] = scope[letter][3] + taken
        used[place] = used[place] + taken
      end
    end
    scope.changed = true
  end
  redis.call('HSET', held, id, cmsgpack.pack({ tokens = tokens, nanos = taken, parts = parts }))
  redis.call('ZADD', due, now + ttl, id)
  if KEYS[4] then redis.call('HSET', KEYS[4], id, note) end
  return { taken, {}, {}, shown(uses) }
end

-- ARGV: id, tokens, nanos. Returns whether there was such a reservation: the second time there is none.
local function settle()
  local packed = redis.call('HGET', held, ARGV[3])
  if not packed then return 0 end
  release(ARGV[3], packed, tonumber(ARGV[4]), tonumber(ARGV[5]))
  return 1
end

-- ARGV: ttl, ids. Returns the ids whose reservation is gone.
local function renew()
  local gone = {}
  for i = 4, #ARGV do
    if redis.call('HEXISTS', held, ARGV[i]) == 1 then
      redis.call('ZADD', due, now + tonumber(ARGV[3]), ARGV[i])
    else
      gone[#gone + 1] = ARGV[i]
    end
  end
  return gone
end

-- ARGV: day, month, then for each scope its name and what was spent in them. What is known here may be
-- ahead of the records, never behind them.
local function learn()
  for first = 5, #ARGV, 3 do
    local name = ARGV[first]
    for letter, place in pairs({ d = 1, m = 2 }) do
      local period, spent = tonumber(ARGV[2 + place]), tonumber(ARGV[first + place])
      local found = budget(name, letter, period)
      if not found then
        load(name)[letter] = { period, spent, 0 }
      elseif found[1] == period then
        found[2] = math.max(found[2], spent)
      end
    end
    load(name).changed = true
  end
  return 1
end

-- ARGV: scope. Forgets what belongs to it.
local function forget()
  local name = ARGV[3]
  local fields = { name }
  for n = 0, SPAN - 1 do
    fields[#fields + 1] = slot(name, 'r', n)
    fields[#fields + 1] = slot(name, 't', n)
  end
  return redis.call('HDEL', state, unpack(fields))
end

local operations = { admit = admit, settle = settle, renew = renew, learn = learn, forget = forget }
local reply = operations[ARGV[1]]()
save()
return reply
