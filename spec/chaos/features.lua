-- What this libcurl has beside protocols.

local curl = require "curlsock"

local features = { http3 = false, earlydata = pcall(curl.easy, { ssl_options = "earlydata" }) }

for _, name in ipairs(curl.version_info().features or {}) do
  if name == "HTTP3" then features.http3 = true end
end

return features
