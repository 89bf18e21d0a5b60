-- Bytes between a transfer and a coroutine: pieces, in order. size is how many bytes there are.
local Buffer = {}
Buffer.__index = Buffer

--- at is the place in the first piece where what is left of it begins.
local function new()
  return setmetatable({ first = 1, last = 0, at = 1, size = 0 }, Buffer)
end

--- Puts a piece behind the others.
function Buffer:push(piece)
  if piece == "" then return end
  local last = self.last + 1
  self[last], self.last = piece, last
  self.size = self.size + #piece
end

--- Takes the first piece, or n bytes of it, if it has more; nil: there is none.
function Buffer:take(n)
  local piece = self[self.first]
  if not piece then return nil end
  local left = #piece - self.at + 1
  if n and n < left then
    self.at, self.size = self.at + n, self.size - n
    return piece:sub(self.at - n, self.at - 1)
  end
  if self.at > 1 then piece = piece:sub(self.at) end
  self[self.first], self.first = nil, self.first + 1
  self.at, self.size = 1, self.size - left
  return piece
end

--- How many bytes of the first piece belong to the first line, and whether its end is there.
function Buffer:line()
  local piece = self[self.first]
  local stop = piece:find("\n", self.at, true)
  return (stop or #piece) - self.at + 1, stop ~= nil
end

return { new = new }
