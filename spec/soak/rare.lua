-- Easies with the callbacks that few have: several files of an FTP folder, trailers, SSH and RTSP;
-- and WebSockets of which the script makes the frames.

local call = require "spec.soak.call"
local callback = require "spec.soak.callback"
local easies = require "spec.soak.easies"
local support = require "spec.support.rare"
local system = require "spec.support.system"

local rare, ops = {}, {}

-- What an easy that goes there has besides; nothing, where this libcurl has it not.
local kinds = {
  [0] = function(on)
    return {
      wildcardmatch = true, chunk_bgn_function = on "chunk", chunk_end_function = on "chunked",
      fnmatch_function = on("match", true),
    }
  end,
  function(on)
    if not support.is_there "trailerfunction" then return {} end
    return { trailerfunction = on("trailers", { "X-One: 1" }) }
  end,
  function(on, place, flags)
    local options = {
      username = place.user, ssh_private_keyfile = place.key, ssh_auth_types = 1,
      ssh_public_keyfile = place.key .. ".pub",
    }
    if flags & 1 == 1 then
      options.ssh_hostkeyfunction = on("host", true)
    else
      options.ssh_knownhosts, options.ssh_keyfunction = place.known, on("key", true)
    end
    return options
  end,
  function(on, place)
    return {
      rtsp_stream_uri = place.url, rtsp_request = "setup", interleavefunction = on "packet",
      rtsp_transport = "RTP/AVP/TCP;interleaved=0-1",
    }
  end,
  function() return system.websocket and { connect_only = 2 } or {} end, -- frames by themselves
}

-- op: "rare", slot, kind, answer, flags; cb as for "easy". To log in takes its time.
function ops.rare(w, op)
  local kind = op[3] % 5
  local place = w.places.rare[1 + kind]
  local flags = op[5] & ~(16 | 128) | (kind == 1 and 16 or 0)
  easies.easy(w, { "easy", op[2], 0, op[4], flags, 0, cb = op.cb })
  local e, h = call.get(w, "easy", op[2])
  local version = h.version
  version.ftp, version.ssh = kind == 0, kind == 2
  version.only = version.only or kind == 4 and system.websocket
  e:setopt(kinds[kind](function(event, answer)
    return callback.on(w, version, event, answer)
  end, place, flags))
  e:setopt { url = place.url, timeout_ms = 500 }
end

-- op: "play", slot: what RTSP has agreed upon comes with the next transfer.
function ops.play(w, op)
  local e, h = call.get(w, "easy", op[2])
  local idle = e and not h.closed and w:running(h) == false and not h.multi
  if idle then e:setopt("rtsp_request", "play") end
end

-- Their URLs, and what else they need, as fields of strings.
function rare.places(servers, web)
  local ssh = servers.sshd()
  return {
    { url = support.folder() .. "*.txt" }, { url = web.url .. "/upload" },
    {
      url = ssh.url .. "/hello.txt", user = ssh.options.username,
      key = ssh.options.ssh_private_keyfile, known = ssh.known,
    },
    { url = support.rtsp() },
    { url = system.websocket and servers.websocket().url or web.url .. "/hello" },
  }
end

rare.ops = ops
return rare
