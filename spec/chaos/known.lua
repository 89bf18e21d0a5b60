-- Failures that are not curlsock's: what libcurl does by itself, as docs/testing.md has it, and the
-- sanitizer. A program that meets one is counted as that, and has not failed. Leaks that are
-- libcurl's are named in leaks-KIND.txt.

local list = {
  -- At the end of a process that has threads; the program's own end is behind it.
  { "\ncounts: .*LeakSanitizer has encountered a fatal error", "LeakSanitizer itself fails" },
  -- 7.88: its own transfers for DNS over HTTPS, when lost, keep the share that they were given.
  { "\nfailed: %d+ of kind share left alive\n", "libcurl's lost DNS over HTTPS keeps a share" },
}

-- What it is that the report of a failure shows, or nil.
return function(report)
  for _, entry in ipairs(list) do
    if report:find(entry[1]) then return entry[2] end
  end
end
