-- A stream of random numbers of its own for each seed: what one part of a program draws does not
-- depend on how often others have drawn (splitmix64).

local function mix(z)
  z = (z ~ z >> 30) * 0xbf58476d1ce4e5b9
  z = (z ~ z >> 27) * 0x94d049bb133111eb
  return z ~ z >> 31
end

-- R(n): 1 to n; R(m, n): m to n.
local function stream(seed)
  local state = mix(seed)
  return function(m, n)
    if not n then m, n = 1, m end
    state = state + 0x9e3779b97f4a7c15
    return m + (mix(state) >> 1) % (n - m + 1)
  end
end

local function pick(R, list)
  return list[R(#list)]
end

return { stream = stream, pick = pick }
