package redis

import "github.com/redis/rueidis"

/*
Each answer is one key: a text

	P1 VERSION BORN FLAGS LENGTH␊ETag Body

VERSION is the partition's when the answer was read; BORN is the server's clock, in microseconds
since the Unix epoch, at a moment before that; FLAGS are the sum of 1, there is a row, and 2, the
answer is too large to be here; LENGTH is that of the ETag. Beside it stands, while a node loads the
answer, the key with ":lease" behind it, which holds that node's token. Both have the same hash tag, so
that a cluster keeps them together.
*/
const (
	format    = "P1"
	flagFound = 1
	flagLarge = 2
	leaseTail = ":lease"
)

// What fetch replies.
const (
	isValue = "value" // an answer that meets the terms
	isAlone = "alone" // too large to be shared: every node loads it
	isLease = "lease" // this node is to load it
	isWait  = "wait"  // another node is loading it
	isNone  = "none"  // nothing, and nobody was to load it
)

// fetch looks for an answer of at least version ARGV[1], at most ARGV[2] microseconds old, not born
// before ARGV[3], and at most ARGV[4] bytes long. Where there is none, the token ARGV[5] is given the
// lease for ARGV[6] milliseconds, if nobody has it. Whoever asks with the token that has the lease
// keeps it: the reply that said so may have been lost.
var fetch = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local version, born, flags = string.match(redis.call('GETRANGE', KEYS[1], 0, 63), '^P1 (%d+) (%d+) (%d+) ')
if version then
  local age = now - born
  if age >= 0 and tonumber(flags) >= 2 then
    return {now, 'alone'}
  end
  if age >= 0 and age <= tonumber(ARGV[2]) and tonumber(version) >= tonumber(ARGV[1])
    and tonumber(born) >= tonumber(ARGV[3]) and redis.call('STRLEN', KEYS[1]) <= tonumber(ARGV[4]) then
    return {now, 'value', redis.call('GET', KEYS[1])}
  end
end
if ARGV[5] == '' then
  return {now, 'none'}
end
if redis.call('SET', KEYS[2], ARGV[5], 'NX', 'PX', ARGV[6]) or redis.call('GET', KEYS[2]) == ARGV[5] then
  return {now, 'lease'}
end
return {now, 'wait'}
`)

// put keeps the value ARGV[1], of version ARGV[2] and born at ARGV[3], until it is ARGV[4] microseconds
// old, unless a newer one is there: by version, then by birth. What waited on its way for so long that
// its time is over is not kept. Then the lease of the token ARGV[5] ends. An empty value is none.
var put = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local kept = 0
if ARGV[1] ~= '' then
  local version, born = tonumber(ARGV[2]), tonumber(ARGV[3])
  local left = math.floor((ARGV[4] - (now - born)) / 1000)
  if now >= born and left > 0 then
    local v, b = string.match(redis.call('GETRANGE', KEYS[1], 0, 63), '^P1 (%d+) (%d+) ')
    v, b = tonumber(v), tonumber(b)
    if not v or b > now or v < version or v == version and b < born then
      redis.call('SET', KEYS[1], ARGV[1], 'PX', left)
      kept = 1
    end
  end
end
if ARGV[5] ~= '' and redis.call('GET', KEYS[2]) == ARGV[5] then
  redis.call('DEL', KEYS[2])
end
return {now, kept}
`)
