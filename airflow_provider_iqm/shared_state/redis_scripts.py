"""
The operations on shared state as Redis scripts, each of which Redis runs atomically.

An account's ledger is three sorted sets of request ids (``sent`` by the time at which they stop counting, ``waiting``
by their place in the queue, ``places`` by the time at which the place expires), and the time until which the account is
full. The rules are those of :class:`~airflow_provider_iqm.shared_state.ledger.Ledger`. All times are from Redis's own
clock, in microseconds; each key expires when it is obsolete.
"""

from __future__ import annotations

CLOCK = """
local sent, waiting, places, full = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local request, window, lease, given = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = given or time[1] * 1000000 + time[2]
local function write(key, moment)
    redis.call('ZADD', key, moment, request)
end
local function expire(key, microseconds)
    if redis.call('PTTL', key) < microseconds / 1000 then
        redis.call('PEXPIRE', key, math.ceil(microseconds / 1000))
    end
end
"""
"""The arguments that all scripts have in common; ``given`` is the time of a test's clock."""

ASK = (
    CLOCK
    + """
local limit, hold, poll, grace = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])

local function allow()
    redis.call('ZREM', waiting, request)
    redis.call('ZREM', places, request)
    write(sent, now + lease + window)
    expire(sent, lease + window)
    return 0
end

redis.call('ZREMRANGEBYSCORE', sent, '-inf', now)
for _, lost in ipairs(redis.call('ZRANGEBYSCORE', places, '-inf', now)) do
    redis.call('ZREM', waiting, lost)
    redis.call('ZREM', places, lost)
end
if redis.call('ZSCORE', sent, request) then
    return allow()
end
if not redis.call('ZSCORE', waiting, request) then
    local last = redis.call('ZRANGE', waiting, -1, -1, 'WITHSCORES')[2]
    write(waiting, (last or 0) + 1)
end
local position = redis.call('ZRANK', waiting, request)
local unused = limit - redis.call('ZCARD', sent)
local full_until = tonumber(redis.call('GET', full) or 0)
if position < unused and full_until <= now and hold == 0 then
    return allow()
end

local place = position % limit
local free_at = now
if place >= unused then
    local until_moment = redis.call('ZRANGE', sent, place - unused, place - unused, 'WITHSCORES')[2]
    free_at = math.min(tonumber(until_moment), now + window)
end
local wait = free_at - now + math.floor(position / limit) * window
wait = math.max(wait, full_until - now, 1000)
local kept = hold > 0 and hold or math.min(wait, poll) + grace
write(places, now + kept)
expire(places, kept)
expire(waiting, kept)
return wait
"""
)

RENEW = (
    CLOCK
    + """
write(sent, now + lease + window)
expire(sent, lease + window)
"""
)

END = (
    CLOCK
    + """
local full_for = tonumber(ARGV[5])
if full_for > 0 and now + full_for > tonumber(redis.call('GET', full) or 0) then
    redis.call('SET', full, string.format('%.0f', now + full_for), 'PX', math.ceil(full_for / 1000))
end
redis.call('ZREM', places, request)
if redis.call('ZREM', waiting, request) == 0 then
    write(sent, now + window)
    expire(sent, window)
end
"""
)

ADD = """
local value = redis.call('GET', KEYS[1])
-- Adding the same value again succeeds, because an operation may be repeated.
if value and value ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

REMOVE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
"""
