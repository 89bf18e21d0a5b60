--- policy.allow{...}: places that the guard of the same composition lets pass all the same:
-- networks ("10.0.0.0/8"), addresses, those of one port ("10.0.0.1:8080"), UNIX sockets
-- ("unix:/run/app.sock"). What the guard denies stays denied. Raises an error for what is none of
-- these.
-- -> PolicyPart
local check = require "curlsock.policy.check"
local places = require "curlsock.policy.places"

local function allow(list)
  places.read("allow", "place", list)
  return { name = "allow", allows = table.move(check.list(list), 1, #check.list(list), 1, {}) }
end

return allow
