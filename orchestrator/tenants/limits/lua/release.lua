-- How a reservation ends.

-- Counts more or less for a second than was thought. What is more and comes too late for it counts now.
local function correct(scope, name, at, amount)
  advance(scope, name, TOKENS)
  local latest = scope[TOKENS + 1]
  if at > latest - SPAN and at < latest then
    local field = slot(name, TOKENS, at)
    amount = math.max(amount, -tonumber(redis.call('HGET', state, field) or 0))
    scope[TOKENS] = scope[TOKENS] + amount
    redis.call('HINCRBY', state, field, string.format('%.0f', amount))
  elseif at >= latest or amount > 0 then
    amount = math.max(amount, -scope[TOKENS + 2])
    scope[TOKENS], scope[TOKENS + 2] = scope[TOKENS] + amount, scope[TOKENS + 2] + amount
  end
end

-- Without what was really used, only what was reserved of money is given back, and the place: the rest has
-- left its window by then.
local function release(id, packed, tokens, nanos)
  local hold = { cmsgpack.unpack(packed) }
  local names = {}
  for part = 3, #hold, 5 do names[#names + 1] = hold[part] end
  local found = redis.call('HMGET', state, unpack(names))
  local written = {}
  for n, name in ipairs(names) do
    local scope, part = counters(found[n]), 5 * n - 2
    local places, at, day, month = hold[part + 1], hold[part + 2], hold[part + 3], hold[part + 4]
    if places > 0 then scope[PLACES] = math.max(0, scope[PLACES] - places) end
    if at > 0 and tokens and tokens ~= hold[1] then correct(scope, name, at, tokens - hold[1]) end
    if day > 0 and scope[DAY] == day then
      scope[DAY + 1] = scope[DAY + 1] + (nanos or 0)
      scope[DAY + 2] = math.max(0, scope[DAY + 2] - hold[2])
    end
    if month > 0 and scope[MONTH] == month then
      scope[MONTH + 1] = scope[MONTH + 1] + (nanos or 0)
      scope[MONTH + 2] = math.max(0, scope[MONTH + 2] - hold[2])
    end
    written[2 * n - 1], written[2 * n] = name, struct.pack(FORMAT, unpack(scope, 1, 13))
  end
  redis.call('HSET', state, unpack(written))
  redis.call('HDEL', state, '@' .. id)
  redis.call('ZREM', due, id)
end
