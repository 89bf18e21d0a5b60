--- curlsock: libcurl in which Lua decides how every socket is opened and closed.
-- What is here is the C module; the README says what it offers.
local core = require "curlsock.core"

core._VERSION = "curlsock scm"

return core
