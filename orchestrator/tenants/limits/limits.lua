-- Limits and budgets of one tenant and its keys, in one atomic step each.
--
-- KEYS share the tenant's hash tag, but for the last:
--   1  hash: counters. <scope> is "tenant" or the id of a key, <w> is r (requests) or t (tokens),
--      <p> is d (day) or m (month)
--        <scope>:c         requests under way
--        <scope>:<w>       sum of the last SPAN seconds
--        <scope>:<w>@      the second that sum is of
--        <scope>:<w><n>    what was used in the second that is n modulo SPAN
--        <scope>:<p>       the period the next two are of, such as 20260131
--        <scope>:<p>$      spent in it, billionths of a dollar
--        <scope>:<p>?      reserved in it, billionths of a dollar
--   2  sorted set: request id -> when its reservation lapses, in milliseconds
--   3  hash: request id -> its reservation
--   4  hash (admit only, may be missing): request id -> note of the request
-- ARGV[1] is the operation, ARGV[2] the time in milliseconds since 1970, 0: the server's own.

local SPAN = 61 -- a second more than a minute, since seconds are not told apart within
local SWEPT = 100

local state, due, held = KEYS[1], KEYS[2], KEYS[3]
local now = tonumber(ARGV[2])
if now == 0 then
  local clock = redis.call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end
local second = math.floor(now / 1000)

local function int(number)
  return string.format('%.0f', number)
end

-- What is read of the counters is remembered, and what is changed is written once, by save().
local cache, changed = {}, {}

local function load(fields)
  if #fields == 0 then return end
  local values = redis.call('HMGET', state, unpack(fields))
  for i, field in ipairs(fields) do cache[field] = values[i] end
end

local function raw(field)
  if cache[field] == nil then cache[field] = redis.call('HGET', state, field) end
  return cache[field]
end

local function get(field)
  return tonumber(raw(field) or 0)
end

local function set(field, number)
  cache[field], changed[field] = int(number), true
end

local function save()
  local written = {}
  for field in pairs(changed) do
    written[#written + 1] = field
    written[#written + 1] = cache[field]
  end
  if #written > 0 then redis.call('HSET', state, unpack(written)) end
end

-- Adds the names of what is going to be read of a scope.
local function wanted(fields, name, rate, second_of, period)
  for _, letter in ipairs(rate) do
    fields[#fields + 1] = name .. ':' .. letter
    fields[#fields + 1] = name .. ':' .. letter .. '@'
    fields[#fields + 1] = name .. ':' .. letter .. second_of % SPAN
  end
  for _, letter in ipairs(period) do
    for _, suffix in ipairs({ '', '$', '?' }) do
      fields[#fields + 1] = name .. ':' .. letter .. suffix
    end
  end
end

-- Forgets what has left a window. Returns its sum, and its second, which never goes back.
local function window(name)
  local sum, at = get(name), get(name .. '@')
  if at >= second then return sum, at end
  if sum > 0 then
    local slots = {}
    for i = 1, math.min(second - at, SPAN) do slots[i] = name .. (at + i) % SPAN end
    load(slots)
    for _, slot in ipairs(slots) do
      sum = sum - get(slot)
      cache[slot] = false
    end
    redis.call('HDEL', state, unpack(slots))
  end
  set(name, sum)
  set(name .. '@', second)
  return sum, second
end

local function use(name, at, amount)
  local slot = name .. at % SPAN
  set(name, get(name) + amount)
  set(slot, get(slot) + amount)
end

-- Returns the milliseconds until so much has left a window.
local function wait(name, at, amount)
  for first = at - SPAN + 1, at do
    amount = amount - get(name .. first % SPAN)
    if amount <= 0 then return (first + SPAN) * 1000 - now end
  end
  return SPAN * 1000
end

-- Returns what is spent and reserved in a period and which it is; nothing if nobody knows.
local function budget(name, period)
  if not raw(name) then return nil end
  if get(name) < period then
    set(name, period)
    set(name .. '$', 0)
    set(name .. '?', 0)
  end
  return get(name .. '$'), get(name .. '?'), get(name)
end

-- Ends a reservation. Without what was really used, only what was reserved of money is given back:
-- the rest has left its window by then.
local function release(id, packed, tokens, nanos)
  redis.call('HDEL', held, id)
  redis.call('ZREM', due, id)
  local hold = cmsgpack.unpack(packed)
  for _, part in ipairs(hold.parts) do
    local name, rate, periods = part.name, {}, {}
    if part.second > 0 and tokens then rate = { 't' } end
    for letter in pairs(part.periods) do periods[#periods + 1] = letter end
    local fields = { name .. ':c' }
    wanted(fields, name, rate, part.second, periods)
    load(fields)
    if part.slots > 0 and raw(name .. ':c') then
      set(name .. ':c', math.max(0, get(name .. ':c') - part.slots))
    end
    if rate[1] and raw(name .. ':t@') then
      local _, at = window(name .. ':t')
      if part.second > at - SPAN then
        local used = get(name .. ':t' .. part.second % SPAN)
        use(name .. ':t', part.second, math.max(tokens - hold.tokens, -used))
      end
    end
    for letter, label in pairs(part.periods) do
      local field = name .. ':' .. letter
      if get(field) == label then
        set(field .. '?', math.max(0, get(field .. '?') - hold.nanos))
        set(field .. '$', get(field .. '$') + (nanos or 0))
      end
    end
  end
end

local function sweep()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', int(now), 'LIMIT', 0, SWEPT)) do
    local packed = redis.call('HGET', held, id)
    if packed then release(id, packed) else redis.call('ZREM', due, id) end
  end
end

-- ARGV: id ('': only look), ttl, day, month, tokens, nanos, least, slots, note, then for each scope its
-- name and its limits (-1: none). Returns {reserved, refusals, unknown, uses}.
local function admit()
  local id, ttl, day, month = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  local tokens, nanos, least = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  local slots, note = tonumber(ARGV[10]), ARGV[11]
  local refusals, unknown, uses, scopes = {}, {}, {}, {}
  local taken, fields = nanos, {}
  sweep()
  for first = 12, #ARGV, 6 do
    local rate, periods = {}, {}
    if ARGV[first + 1] ~= '-1' then rate[1] = 'r' end
    if ARGV[first + 2] ~= '-1' then rate[#rate + 1] = 't' end
    if ARGV[first + 3] ~= '-1' then fields[#fields + 1] = ARGV[first] .. ':c' end
    if ARGV[first + 4] ~= '-1' then periods[1] = 'd' end
    if ARGV[first + 5] ~= '-1' then periods[#periods + 1] = 'm' end
    wanted(fields, ARGV[first], rate, second, periods)
  end
  load(fields)
  local again = id ~= '' and redis.call('HGET', held, id)

  local function refuse(scope, limit, milliseconds)
    refusals[#refusals + 1] = { scope.number, limit, milliseconds }
  end

  local function check_window(scope, letter, limit, number, wanted)
    if limit < 0 then return 0, 0 end
    local name = scope.name .. ':' .. letter
    local sum, at = window(name)
    if sum + wanted > limit then
      refuse(scope, number, wait(name, at, sum + wanted - limit))
    end
    return sum, at
  end

  local function check_budget(scope, letter, period, limit, number)
    if limit < 0 then return 0, 0 end
    local spent, reserved, label = budget(scope.name .. ':' .. letter, period)
    if not spent then
      scope.unknown = true
      return 0, 0
    end
    scope.periods[letter] = label
    local room = limit - spent - reserved
    if least > 0 and room < least then refuse(scope, number, 0) end
    taken = math.min(taken, math.max(room, 0))
    return spent, reserved
  end

  for first = 12, #ARGV, 6 do
    local scope = { number = #scopes, name = ARGV[first], periods = {} }
    local limit = {}
    for i = 1, 5 do limit[i] = tonumber(ARGV[first + i]) end
    local requests, requests_at = check_window(scope, 'r', limit[1], 0, 1)
    local used, used_at = check_window(scope, 't', limit[2], 1, tokens)
    local concurrent = 0
    if limit[3] >= 0 then
      concurrent = get(scope.name .. ':c')
      if slots > 0 and concurrent + slots > limit[3] then refuse(scope, 2, 0) end
    end
    local today, today_held = check_budget(scope, 'd', day, limit[4], 3)
    local monthly, monthly_held = check_budget(scope, 'm', month, limit[5], 4)
    if scope.unknown then unknown[#unknown + 1] = scope.name end
    scope.limit, scope.requests_at, scope.used_at = limit, requests_at, used_at
    scopes[#scopes + 1] = scope
    uses[#uses + 1] = { requests, used, concurrent, today, today_held, monthly, monthly_held }
  end

  if again then
    return { cmsgpack.unpack(again).nanos, {}, {}, uses }
  end
  if id == '' or #refusals > 0 or #unknown > 0 then
    return { 0, refusals, unknown, uses }
  end

  local hold = { tokens = tokens, nanos = taken, parts = {} }
  for i, scope in ipairs(scopes) do
    local name, limit, used = scope.name, scope.limit, uses[i]
    local part = { name = name, slots = 0, second = 0, periods = scope.periods }
    if limit[1] >= 0 then
      use(name .. ':r', scope.requests_at, 1)
      used[1] = used[1] + 1
    end
    if limit[2] >= 0 then
      use(name .. ':t', scope.used_at, tokens)
      used[2], part.second = used[2] + tokens, scope.used_at
    end
    if limit[3] >= 0 then
      used[3], part.slots = used[3] + slots, slots
      set(name .. ':c', used[3])
    end
    for letter, at in pairs({ d = 5, m = 7 }) do
      if scope.periods[letter] then
        local field = name .. ':' .. letter .. '?'
        set(field, get(field) + taken)
        used[at] = used[at] + taken
      end
    end
    hold.parts[i] = part
  end
  redis.call('HSET', held, id, cmsgpack.pack(hold))
  redis.call('ZADD', due, int(now + ttl), id)
  if KEYS[4] then redis.call('HSET', KEYS[4], id, note) end
  return { taken, {}, {}, uses }
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
      redis.call('ZADD', due, int(now + tonumber(ARGV[3])), ARGV[i])
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
    for letter, at in pairs({ d = 1, m = 2 }) do
      local field, period = ARGV[first] .. ':' .. letter, tonumber(ARGV[2 + at])
      local spent = tonumber(ARGV[first + at])
      local known, _, label = budget(field, period)
      if not known then
        set(field, period)
        set(field .. '$', spent)
        set(field .. '?', 0)
      elseif label == period and spent > known then
        set(field .. '$', spent)
      end
    end
  end
  return 1
end

-- ARGV: scope. Forgets what belongs to it.
local function forget()
  local fields = {}
  for _, name in ipairs({ ':c', ':r', ':r@', ':t', ':t@', ':d', ':d$', ':d?', ':m', ':m$', ':m?' }) do
    fields[#fields + 1] = ARGV[3] .. name
  end
  for slot = 0, SPAN - 1 do
    fields[#fields + 1] = ARGV[3] .. ':r' .. slot
    fields[#fields + 1] = ARGV[3] .. ':t' .. slot
  end
  return redis.call('HDEL', state, unpack(fields))
end

local operations = { admit = admit, settle = settle, renew = renew, learn = learn, forget = forget }
local reply = operations[ARGV[1]]()
save()
return reply
