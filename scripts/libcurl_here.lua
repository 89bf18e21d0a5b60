-- What of libcurl is here under another name, what is not here, and why. scripts/coverage_table.lua
-- makes docs/coverage.md of it and of what the module answers.

local here = {}

-- Functions: what stands for each. curl.NAME, CLASS:NAME and "option NAME" are looked up in the
-- module; what is in parentheses the module does by itself.
here.functions = {
  curl_easy_cleanup = "easy:close",
  curl_easy_duphandle = "easy:dup",
  curl_easy_escape = "curl.escape",
  curl_easy_getinfo = "easy:getinfo",
  curl_easy_header = "easy:header",
  curl_easy_init = "curl.easy",
  curl_easy_nextheader = "easy:headers",
  curl_easy_option_by_id = "curl.options",
  curl_easy_option_by_name = "curl.options",
  curl_easy_option_next = "curl.options",
  curl_easy_pause = "easy:pause, easy:unpause",
  curl_easy_perform = "easy:perform",
  curl_easy_recv = "easy:recv",
  curl_easy_reset = "easy:reset",
  curl_easy_send = "easy:send",
  curl_easy_setopt = "easy:setopt, easy:unset",
  curl_easy_strerror = "(the message of each failure)",
  curl_easy_unescape = "curl.unescape",
  curl_easy_upkeep = "easy:upkeep",
  curl_escape = "curl.escape",
  curl_free = "(texts are Lua's)",
  curl_getdate = "curl.getdate",
  curl_global_cleanup = "(when the Lua state is closed)",
  curl_global_init = "(when the module is loaded)",
  curl_mime_addpart = "option mimepost",
  curl_mime_data = "option mimepost",
  curl_mime_data_cb = "option mimepost",
  curl_mime_encoder = "option mimepost",
  curl_mime_filedata = "option mimepost",
  curl_mime_filename = "option mimepost",
  curl_mime_free = "option mimepost",
  curl_mime_headers = "option mimepost",
  curl_mime_init = "option mimepost",
  curl_mime_name = "option mimepost",
  curl_mime_subparts = "option mimepost",
  curl_mime_type = "option mimepost",
  curl_multi_add_handle = "multi:add",
  curl_multi_assign = "(the module keeps what is watched: multi:watches)",
  curl_multi_cleanup = "multi:close",
  curl_multi_fdset = "multi:pollfd, multi:watches",
  curl_multi_get_handles = "multi:easies",
  curl_multi_info_read = "multi:results",
  curl_multi_init = "curl.multi",
  curl_multi_perform = "multi:perform",
  curl_multi_poll = "multi:poll",
  curl_multi_remove_handle = "multi:remove",
  curl_multi_setopt = "multi:setopt",
  curl_multi_socket_action = "multi:socket_action",
  curl_multi_strerror = "(the message of each failure)",
  curl_multi_timeout = "multi:timeout",
  curl_multi_wait = "multi:poll",
  curl_multi_waitfds = "multi:pollfd, multi:watches",
  curl_multi_wakeup = "multi:wakeup",
  curl_share_cleanup = "share:close",
  curl_share_init = "curl.share",
  curl_share_setopt = "share:setopt",
  curl_share_strerror = "(the message of each failure)",
  curl_slist_append = "(lists are tables)",
  curl_slist_free_all = "(lists are tables)",
  curl_unescape = "curl.unescape",
  curl_url = "curl.url",
  curl_url_cleanup = "(by the collector)",
  curl_url_dup = "url:dup",
  curl_url_get = "url:get",
  curl_url_set = "url:set",
  curl_url_strerror = "(the message of each failure)",
  curl_version = "curl.version_info",
  curl_version_info = "curl.version_info",
  curl_ws_meta = "easy:ws_meta",
  curl_ws_recv = "easy:ws_recv",
  curl_ws_send = "easy:ws_send",
  curl_ws_start_frame = "easy:ws_start_frame",
}

local format = "Lua has string.format"
local push = "HTTP/2 push: browsers and servers have given it up, and libcurl would make easies "
  .. "by itself"
local tickets = "nobody has asked to carry TLS sessions to another process"
local notify = "multi:results and the driver tell what has ended"
local locks = "a Lua state is used by one thread at a time, and a share stays in its state"
local dead = "does nothing since libcurl 7.62"

-- Refused: why. What libcurl itself deprecates, and is not here, needs no reason of ours; nor does
-- what a C callback is given (type cbptr): a Lua function is a closure.
here.refused = {
  ["function curl_easy_ssls_export"] = tickets,
  ["function curl_easy_ssls_import"] = tickets,
  ["function curl_getenv"] = "Lua has os.getenv",
  ["function curl_global_init_mem"] = "impossible: it is the process's, an allocator a state's",
  ["function curl_global_sslset"] = "impossible: too late when the module is loaded; the "
    .. "environment variable CURL_SSL_BACKEND chooses",
  ["function curl_global_trace"] = "of the whole process; verbose and debugfunction are of an easy",
  ["function curl_maprintf"] = format,
  ["function curl_mfprintf"] = format,
  ["function curl_mprintf"] = format,
  ["function curl_msnprintf"] = format,
  ["function curl_msprintf"] = format,
  ["function curl_mvaprintf"] = format,
  ["function curl_mvfprintf"] = format,
  ["function curl_mvprintf"] = format,
  ["function curl_mvsnprintf"] = format,
  ["function curl_mvsprintf"] = format,
  ["function curl_multi_get_offt"] = "counts that multi:perform and multi:easies give",
  ["function curl_multi_notify_disable"] = notify,
  ["function curl_multi_notify_enable"] = notify,
  ["function curl_pushheader_byname"] = push,
  ["function curl_pushheader_bynum"] = push,
  ["function curl_strequal"] = "Lua has string.lower",
  ["function curl_strnequal"] = "Lua has string.lower",
  ["option curlu"] = "url takes a Url",
  ["option errorbuffer"] = "the message of each failure is its text",
  ["option private"] = "any Lua value: a closure, or a table by easy",
  ["option ssl_ctx_function"] = "a pointer into the TLS library, which need not be the "
    .. "script's own; pinnedpublickey and the blobs serve what it is used for",
  ["info private"] = "any Lua value: a closure, or a table by easy",
  ["info tls_ssl_ptr"] = "a pointer into the TLS library",
  ["multi chunk_length_penalty_size"] = dead,
  ["multi content_length_penalty_size"] = dead,
  ["multi max_pipeline_length"] = dead,
  ["multi notifydata"] = notify,
  ["multi notifyfunction"] = notify,
  ["multi pipelining_server_bl"] = dead,
  ["multi pipelining_site_bl"] = dead,
  ["multi pushdata"] = push,
  ["multi pushfunction"] = push,
  ["multi socketdata"] = "a Lua function is a closure",
  ["multi timerdata"] = "a Lua function is a closure",
  ["share lockfunc"] = locks,
  ["share unlockfunc"] = locks,
  ["share userdata"] = locks,
  ["lock share"] = "libcurl's own",
}

-- What libcurl has earlier, but with a fault that the module cannot get round: with which libcurl
-- it is here. Before, it is NOT_SUPPORTED.
here.from = {
  ["function curl_ws_meta"] = "8.11.0",
  ["function curl_ws_recv"] = "8.11.0",
  ["function curl_ws_send"] = "8.11.0",
  ["info ftp_entry_path"] = "8.13.0",
  ["option stream_weight"] = "8.2.0",
  ["option trailerfunction"] = "8.7.0",
}

-- What is being built: not yet here, and not refused.
here.awaited = {}

return here
