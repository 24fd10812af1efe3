-- What is done once in a while. ARGV[2] is the operation.

local SWEPT = 100
local KEPT = 3 * 24 * 3600 * 1000 -- milliseconds: what nobody asks for is forgotten, budgets are read anew

local function load(name)
  return counters(redis.call('HGET', state, name))
end

local function save(name, scope)
  redis.call('HSET', state, name, struct.pack(FORMAT, unpack(scope, 1, 13)))
end

local function kept(reply)
  redis.call('PEXPIRE', state, KEPT)
  redis.call('PEXPIRE', due, KEPT)
  return reply
end

local operations = {}

-- Ends what has lapsed.
function operations.sweep()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, SWEPT)) do
    local packed = redis.call('HGET', state, '@' .. id)
    if packed then release(id, packed) else redis.call('ZREM', due, id) end
  end
  local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
  if first then redis.call('HSET', state, '#', first) else redis.call('HDEL', state, '#') end
  return kept(1)
end

-- ARGV: id, nanos, then for each scope its name, day and month limit (-1: none). Reserves that much more,
-- or nothing. Returns 1 if it is reserved, 0 if a budget has no room for it, -1 without a reservation.
function operations.top_up()
  local id, more, limits = ARGV[3], tonumber(ARGV[4]), {}
  for first = 5, #ARGV, 3 do
    limits[ARGV[first]] = { [DAY] = tonumber(ARGV[first + 1]), [MONTH] = tonumber(ARGV[first + 2]) }
  end
  local packed = redis.call('HGET', state, '@' .. id)
  if not packed then return -1 end
  local hold, scopes = { cmsgpack.unpack(packed) }, {}
  for part = 3, #hold, 5 do
    local name = hold[part]
    local scope = load(name)
    for place, b in pairs({ [3] = DAY, [4] = MONTH }) do
      local limit = limits[name] and limits[name][b] or -1
      if hold[part + place] > 0 and scope[b] == hold[part + place] then -- else it is over: nobody counts
        if limit >= 0 and scope[b + 1] + scope[b + 2] + more > limit then return 0 end
        scope[b + 2] = scope[b + 2] + more
      end
    end
    scopes[name] = scope
  end
  for name, scope in pairs(scopes) do save(name, scope) end
  hold[2] = hold[2] + more
  redis.call('HSET', state, '@' .. id, cmsgpack.pack(unpack(hold)))
  return 1
end

-- ARGV: ttl, then for each request its id and its tokens so far (0: nobody knows). Returns the ids whose
-- reservation is gone.
function operations.renew()
  local gone = {}
  for i = 4, #ARGV, 2 do
    local id, tokens = ARGV[i], tonumber(ARGV[i + 1])
    local packed = redis.call('HGET', state, '@' .. id)
    if packed then
      redis.call('ZADD', due, now + tonumber(ARGV[3]), id)
      local hold = { cmsgpack.unpack(packed) }
      local more = tokens - hold[1]
      if more > 0 then
        for part = 3, #hold, 5 do
          if hold[part + 2] > 0 then
            local scope = load(hold[part])
            advance(scope, hold[part], TOKENS)
            scope[TOKENS], scope[TOKENS + 2] = scope[TOKENS] + more, scope[TOKENS + 2] + more
            save(hold[part], scope)
          end
        end
        hold[1] = tokens
        redis.call('HSET', state, '@' .. id, cmsgpack.pack(unpack(hold)))
      end
    else
      gone[#gone + 1] = id
    end
  end
  return kept(gone)
end

-- ARGV: day, month, then for each scope its name and what was spent in them. What is spent and reserved here
-- may be ahead of the records, never behind them. They may have what is only reserved here: a run is
-- recorded before it is settled.
function operations.learn()
  for first = 5, #ARGV, 3 do
    local name = ARGV[first]
    local scope = load(name)
    for place, b in pairs({ DAY, MONTH }) do
      local period, spent = tonumber(ARGV[2 + place]), tonumber(ARGV[first + place])
      if scope[b] < period then
        scope[b], scope[b + 1], scope[b + 2] = period, spent, 0
      elseif scope[b] == period then
        scope[b + 1] = math.max(scope[b + 1], spent - scope[b + 2])
      end
    end
    save(name, scope)
  end
  return kept(1)
end

-- ARGV: scope. Forgets what belongs to it.
function operations.forget()
  local name = ARGV[3]
  local fields = { name }
  for n = 0, SPAN - 1 do
    fields[#fields + 1] = slot(name, REQUESTS, n)
    fields[#fields + 1] = slot(name, TOKENS, n)
  end
  return redis.call('HDEL', state, unpack(fields))
end

return operations[ARGV[2]]()
