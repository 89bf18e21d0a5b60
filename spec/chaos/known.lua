-- Failures that are not curlsock's: what libcurl does by itself, as docs/testing.md has it, and the
-- sanitizer. A program that meets one is counted as that, and has not failed. Leaks that are
-- libcurl's are named in leaks-KIND.txt.

local function at_most(left, lost) return tonumber(left) <= tonumber(lost) end

-- A pattern, what it is, and what else must hold of the captures.
local list = {
  -- At the end of a process that has threads; the program's own end is behind it.
  { "\ncounts: .*LeakSanitizer has encountered a fatal error", "LeakSanitizer itself fails" },
  -- Before 8.9 (doh.lua).
  { "\nfailed: (%d+) of kind share left alive; used with DNS over HTTPS: (%d+)\n",
    "libcurl's lost DNS over HTTPS keeps a share", at_most },
  -- Before 8.0: after an error it goes on as if it had sent -1 bytes.
  { "\nREAD of [^\n]+\n[^\n]+memcpy [^\n]+\n[^\n]+ in Curl_memdup [^\n]+\n[^\n]+ in mqtt_send ",
    "libcurl's MQTT copies from before what it could not send" },
}

-- What it is that the report of a failure shows, or nil.
return function(report)
  for _, entry in ipairs(list) do
    local pattern, what, holds = table.unpack(entry)
    local captures = table.pack(report:match(pattern))
    if captures[1] and (not holds or holds(table.unpack(captures))) then return what end
  end
end
