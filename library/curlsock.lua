---@meta curlsock
-- Made by `make doc`, with libcurl 8.23.0: what is here stands above the functions in the source.

---@alias curlsock.Events "r"|"w"|"rw"
---@alias curlsock.Place string|curlsock.Address "10.0.0.0/8", "10.0.0.1:8080", "unix:/run/app.sock"
---@alias curlsock.ShareKind "connect"|"cookie"|"dns"|"hsts"|"psl"|"ssl_session"
---@alias curlsock.HeaderOrigin "header"|"trailer"|"connect"|"1xx"|"pseudo"|"any"
---@alias curlsock.UrlPart "url"|"scheme"|"user"|"password"|"options"|"host"|"port"|"path"|"query"|"fragment"|"zoneid"
---@alias curlsock.UrlFlag "default_port"|"no_default_port"|"default_scheme"|"non_support_scheme"|"path_as_is"|"disallow_user"|"urldecode"|"urlencode"|"appendquery"|"guess_scheme"|"no_authority"|"allow_space"|"punycode"|"puny2idn"|"get_empty"|"no_guess_scheme"

---What a callback returns to pause.
---@class curlsock.Pause

---@class curlsock.HstsEntry
---@field host string
---@field include_subdomains? boolean
---@field expire? integer seconds since 1970

---A file that a wildcard names.
---@class curlsock.FileInfo
---@field filename string
---@field type string "file", "directory", "symlink"...
---@field size? integer
---@field perm? integer
---@field links? integer
---@field time? string
---@field user? string
---@field group? string
---@field target? string

---@class curlsock.SshKey
---@field type string "rsa", "ecdsa", "ed25519", "dss", "rsa1" or "unknown"
---@field key? string bytes
---@field base64? string

---What a socket is for.
---@class curlsock.Target
---@field host? string
---@field port? integer
---@field kind "origin"|"proxy"|"data"|"listen"|"unknown"

---Headers of a response: a list of { name, value }; by name the first value; called with a name, a
---list of all its values.
---@class curlsock.Headers
---@field [integer] string[]
---@field [string] string
---@overload fun(name: string): string[]

---@class curlsock.ShareOptions
---@field share? curlsock.ShareKind|curlsock.ShareKind[]
---@field unshare? curlsock.ShareKind|curlsock.ShareKind[]
---@field policy? curlsock.Policy|curlsock.Rules|curlsock.PolicyFields

---@alias curlsock.OptionName "abstract_unix_socket"|"accept_encoding"|"accepttimeout_ms"|"address_scope"|"altsvc"|"altsvc_ctrl"|"append"|"autoreferer"|"aws_sigv4"|"buffersize"|"ca_cache_timeout"|"cainfo"|"cainfo_blob"|"capath"|"certinfo"|"chunk_bgn_function"|"chunk_end_function"|"closesocketfunction"|"connect_only"|"connect_to"|"connecttimeout"|"connecttimeout_ms"|"cookie"|"cookiefile"|"cookiejar"|"cookielist"|"cookiesession"|"copypostfields"|"crlf"|"crlfile"|"customrequest"|"debugfunction"|"default_protocol"|"dirlistonly"|"disallow_username_in_url"|"dns_cache_timeout"|"dns_interface"|"dns_local_ip4"|"dns_local_ip6"|"dns_servers"|"dns_shuffle_addresses"|"dns_use_global_cache"|"doh_ssl_verifyhost"|"doh_ssl_verifypeer"|"doh_ssl_verifystatus"|"doh_url"|"ech"|"egdsocket"|"encoding"|"expect_100_timeout_ms"|"failonerror"|"filetime"|"fnmatch_function"|"followlocation"|"forbid_reuse"|"fresh_connect"|"ftp_account"|"ftp_alternative_to_user"|"ftp_create_missing_dirs"|"ftp_filemethod"|"ftp_response_timeout"|"ftp_skip_pasv_ip"|"ftp_ssl"|"ftp_ssl_ccc"|"ftp_use_eprt"|"ftp_use_epsv"|"ftp_use_pret"|"ftpappend"|"ftplistonly"|"ftpport"|"ftpsslauth"|"gssapi_delegation"|"happy_eyeballs_timeout_ms"|"haproxy_client_ip"|"haproxyprotocol"|"header"|"headerfunction"|"headeropt"|"hsts"|"hsts_ctrl"|"hstsreadfunction"|"hstswritefunction"|"http09_allowed"|"http200aliases"|"http_content_decoding"|"http_transfer_decoding"|"http_version"|"httpauth"|"httpget"|"httpheader"|"httpproxytunnel"|"httpsig_algorithm"|"httpsig_headers"|"httpsig_key"|"httpsig_keyid"|"ignore_content_length"|"infilesize"|"infilesize_large"|"interface"|"interleavefunction"|"ipresolve"|"issuercert"|"issuercert_blob"|"keep_sending_on_error"|"keypasswd"|"krb4level"|"krblevel"|"localport"|"localportrange"|"login_options"|"low_speed_limit"|"low_speed_time"|"mail_auth"|"mail_from"|"mail_rcpt"|"mail_rcpt_alllowfails"|"mail_rcpt_allowfails"|"max_recv_speed_large"|"max_send_speed_large"|"maxage_conn"|"maxconnects"|"maxfilesize"|"maxfilesize_large"|"maxlifetime_conn"|"maxredirs"|"mime_options"|"mimepost"|"netrc"|"netrc_file"|"new_directory_perms"|"new_file_perms"|"nobody"|"noprogress"|"noproxy"|"nosignal"|"opensocketfunction"|"password"|"path_as_is"|"pinnedpublickey"|"pipewait"|"port"|"post"|"post301"|"postfields"|"postfieldsize"|"postfieldsize_large"|"postquote"|"postredir"|"pre_proxy"|"prequote"|"prereqfunction"|"protocols"|"protocols_str"|"proxy"|"proxy_cainfo"|"proxy_cainfo_blob"|"proxy_capath"|"proxy_crlfile"|"proxy_issuercert"|"proxy_issuercert_blob"|"proxy_keypasswd"|"proxy_pinnedpublickey"|"proxy_service_name"|"proxy_ssl_cipher_list"|"proxy_ssl_options"|"proxy_ssl_verifyhost"|"proxy_ssl_verifypeer"|"proxy_sslcert"|"proxy_sslcert_blob"|"proxy_sslcerttype"|"proxy_sslkey"|"proxy_sslkey_blob"|"proxy_sslkeytype"|"proxy_sslversion"|"proxy_tls13_ciphers"|"proxy_tlsauth_password"|"proxy_tlsauth_type"|"proxy_tlsauth_username"|"proxy_transfer_mode"|"proxyauth"|"proxyheader"|"proxypassword"|"proxyport"|"proxytype"|"proxyusername"|"proxyuserpwd"|"put"|"quick_exit"|"quote"|"random_file"|"range"|"readfunction"|"redir_protocols"|"redir_protocols_str"|"referer"|"request_target"|"resolve"|"resolver_start_function"|"resume_from"|"resume_from_large"|"rtsp_client_cseq"|"rtsp_request"|"rtsp_server_cseq"|"rtsp_session_id"|"rtsp_stream_uri"|"rtsp_transport"|"rtspheader"|"sasl_authzid"|"sasl_ir"|"seekfunction"|"server_response_timeout"|"server_response_timeout_ms"|"service_name"|"share"|"sockoptfunction"|"socks5_auth"|"socks5_gssapi_nec"|"socks5_gssapi_service"|"ssh_auth_types"|"ssh_compression"|"ssh_host_public_key_md5"|"ssh_host_public_key_sha256"|"ssh_hostkeyfunction"|"ssh_keyfunction"|"ssh_knownhosts"|"ssh_private_keyfile"|"ssh_public_keyfile"|"ssl_cipher_list"|"ssl_ec_curves"|"ssl_enable_alpn"|"ssl_enable_npn"|"ssl_falsestart"|"ssl_options"|"ssl_sessionid_cache"|"ssl_signature_algorithms"|"ssl_verifyhost"|"ssl_verifypeer"|"ssl_verifystatus"|"sslcert"|"sslcert_blob"|"sslcertpasswd"|"sslcerttype"|"sslengine"|"sslengine_default"|"sslkey"|"sslkey_blob"|"sslkeypasswd"|"sslkeytype"|"sslversion"|"stderr"|"stream_weight"|"suppress_connect_headers"|"tcp_fastopen"|"tcp_keepalive"|"tcp_keepcnt"|"tcp_keepidle"|"tcp_keepintvl"|"tcp_nodelay"|"telnetoptions"|"tftp_blksize"|"tftp_no_options"|"timecondition"|"timeout"|"timeout_ms"|"timevalue"|"timevalue_large"|"tls13_ciphers"|"tlsauth_password"|"tlsauth_type"|"tlsauth_username"|"trailerfunction"|"transfer_encoding"|"transfertext"|"unix_socket_path"|"unrestricted_auth"|"upkeep_interval_ms"|"upload"|"upload_buffersize"|"upload_flags"|"url"|"use_ssl"|"useragent"|"username"|"userpwd"|"verbose"|"wildcardmatch"|"writefunction"|"ws_options"|"xferinfofunction"|"xoauth2_bearer"

---@alias curlsock.WriteFunction fun(data: string): true|curlsock.Pause|false|nil, string|nil
---@alias curlsock.HeaderFunction fun(data: string): true|curlsock.Pause|false|nil, string|nil
---@alias curlsock.ReadFunction fun(size: integer): string|curlsock.Pause|false|nil, string|nil
---@alias curlsock.SeekFunction fun(offset: integer, origin: "set"|"cur"|"end"): true|number|false|nil, string|nil
---@alias curlsock.XferinfoFunction fun(dltotal: integer, dlnow: integer, ultotal: integer, ulnow: integer): true|false|nil, string|nil
---@alias curlsock.DebugFunction fun(kind: "text"|"header_in"|"header_out"|"data_in"|"data_out"|"ssl_data_in"|"ssl_data_out", data: string)
---@alias curlsock.TrailerFunction fun(easy: curlsock.Easy): string[]|false|nil, string|nil
---@alias curlsock.HstsreadFunction fun(easy: curlsock.Easy): table|false|nil, string|nil
---@alias curlsock.HstswriteFunction fun(entry: curlsock.HstsEntry, index: integer, total: integer, easy: curlsock.Easy): false|nil
---@alias curlsock.InterleaveFunction fun(data: string, easy: curlsock.Easy): true|false|nil, string|nil
---@alias curlsock.ChunkBgnFunction fun(info: curlsock.FileInfo, remains: integer, easy: curlsock.Easy): true|"skip"|false|nil, string|nil
---@alias curlsock.ChunkEndFunction fun(easy: curlsock.Easy): true|false|nil, string|nil
---@alias curlsock.FnmatchFunction fun(pattern: string, name: string, easy: curlsock.Easy): true|false|nil, string|nil
---@alias curlsock.ResolverStartFunction fun(easy: curlsock.Easy): true|false|nil, string|nil
---@alias curlsock.OpensocketFunction fun(purpose: "ipcxn"|"accept", address: curlsock.Address, easy: curlsock.Easy): true|curlsock.Socket|integer|userdata|false, string|nil
---@alias curlsock.SockoptFunction fun(socket: curlsock.Socket, purpose: "ipcxn"|"accept", easy: curlsock.Easy): true|"connected"|false|nil, string|nil
---@alias curlsock.ClosesocketFunction fun(socket: curlsock.Socket): false|nil
---@alias curlsock.PrereqFunction fun(primary_ip: string, local_ip: string, primary_port: integer, local_port: integer, socket: curlsock.Socket|nil, easy: curlsock.Easy): true|false, string|nil
---@alias curlsock.SshHostkeyFunction fun(type: string, key: string, easy: curlsock.Easy): true|false, string|nil
---@alias curlsock.SshKeyFunction fun(known: curlsock.SshKey|nil, found: curlsock.SshKey, match: "ok"|"mismatch"|"missing", easy: curlsock.Easy): true|"fine"|"fine_add_to_file"|"fine_replace"|"reject"|false, string|nil
---@alias curlsock.SocketFunction fun(fd: integer, events: curlsock.Events|nil, easy: curlsock.Easy|nil)
---@alias curlsock.TimerFunction fun(seconds: number|nil)

---@class curlsock.EasyOptions
---@field abstract_unix_socket? string string; since 7.53.0; https://curl.se/libcurl/c/CURLOPT_ABSTRACT_UNIX_SOCKET.html
---@field accept_encoding? string string; since 7.21.6; https://curl.se/libcurl/c/CURLOPT_ACCEPT_ENCODING.html
---@field accepttimeout_ms? integer milliseconds (0 and more); since 7.24.0; https://curl.se/libcurl/c/CURLOPT_ACCEPTTIMEOUT_MS.html
---@field address_scope? integer integer (0 to 4294967295); since 7.19.0; https://curl.se/libcurl/c/CURLOPT_ADDRESS_SCOPE.html
---@field altsvc? string string; since 7.64.1; https://curl.se/libcurl/c/CURLOPT_ALTSVC.html
---@field altsvc_ctrl? integer|"readonlyfile"|"h1"|"h2"|"h3"|("readonlyfile"|"h1"|"h2"|"h3")[] integer, name or list of names; since 7.64.1; https://curl.se/libcurl/c/CURLOPT_ALTSVC_CTRL.html
---@field append? boolean|integer flag; since 7.17.0; https://curl.se/libcurl/c/CURLOPT_APPEND.html
---@field autoreferer? boolean|integer flag; since 7.1; https://curl.se/libcurl/c/CURLOPT_AUTOREFERER.html
---@field aws_sigv4? string string; since 7.75.0; https://curl.se/libcurl/c/CURLOPT_AWS_SIGV4.html
---@field buffersize? integer bytes (0 and more); since 7.10; https://curl.se/libcurl/c/CURLOPT_BUFFERSIZE.html
---@field ca_cache_timeout? integer seconds; -1: for ever (-1 and more); since 7.87.0; https://curl.se/libcurl/c/CURLOPT_CA_CACHE_TIMEOUT.html
---@field cainfo? string string; since 7.4.2; https://curl.se/libcurl/c/CURLOPT_CAINFO.html
---@field cainfo_blob? string bytes of a file; since 7.77.0; https://curl.se/libcurl/c/CURLOPT_CAINFO_BLOB.html
---@field capath? string string; since 7.9.8; https://curl.se/libcurl/c/CURLOPT_CAPATH.html
---@field certinfo? boolean|integer flag; since 7.19.1; https://curl.se/libcurl/c/CURLOPT_CERTINFO.html
---@field chunk_bgn_function? curlsock.ChunkBgnFunction the file of the table info is next, and so many follow. It has filename, type ("file", "directory", "symlink"...) and, where the server tells, size, perm, links, time (a text), user, group, target. Nothing, true or a file transfers it, "skip" does not; false, or nil and a reason, ends the transfer with CHUNK_FAILED.
---@field chunk_end_function? curlsock.ChunkEndFunction the file has ended, or was skipped. Nothing, true or a file goes on; false, or nil and a reason, ends the transfer with CHUNK_FAILED.
---@field closesocketfunction? curlsock.ClosesocketFunction the Socket that was opened, "closing" now. It is told, once for each Socket, and on its return the descriptor is closed, unless it has called socket:detach(). False is handed on to libcurl as a failure to close.
---@field connect_only? boolean|integer flag; 2: for WebSocket; since 7.15.2; https://curl.se/libcurl/c/CURLOPT_CONNECT_ONLY.html
---@field connect_to? string[] list of strings; since 7.49.0; https://curl.se/libcurl/c/CURLOPT_CONNECT_TO.html
---@field connecttimeout? number seconds, also fractions (0 to 2147483); since 7.7; https://curl.se/libcurl/c/CURLOPT_CONNECTTIMEOUT.html
---@field connecttimeout_ms? integer milliseconds (0 and more); since 7.16.2; https://curl.se/libcurl/c/CURLOPT_CONNECTTIMEOUT_MS.html
---@field cookie? string string; since 7.1; https://curl.se/libcurl/c/CURLOPT_COOKIE.html
---@field cookiefile? string string; since 7.1; https://curl.se/libcurl/c/CURLOPT_COOKIEFILE.html
---@field cookiejar? string string; since 7.9; https://curl.se/libcurl/c/CURLOPT_COOKIEJAR.html
---@field cookielist? string string; since 7.14.1; https://curl.se/libcurl/c/CURLOPT_COOKIELIST.html
---@field cookiesession? boolean|integer flag; since 7.9.7; https://curl.se/libcurl/c/CURLOPT_COOKIESESSION.html
---@field copypostfields? string|table string, or table of names (a form); since 7.17.1; https://curl.se/libcurl/c/CURLOPT_COPYPOSTFIELDS.html
---@field crlf? boolean|integer flag; since 7.1; https://curl.se/libcurl/c/CURLOPT_CRLF.html
---@field crlfile? string string; since 7.19.0; https://curl.se/libcurl/c/CURLOPT_CRLFILE.html
---@field customrequest? string string; since 7.1; https://curl.se/libcurl/c/CURLOPT_CUSTOMREQUEST.html
---@field debugfunction? curlsock.DebugFunction with verbose = true: kind is "text", "header_in", "header_out", "data_in", "data_out", "ssl_data_in" or "ssl_data_out". It is told: what it returns is not looked at.
---@field default_protocol? string string; since 7.45.0; https://curl.se/libcurl/c/CURLOPT_DEFAULT_PROTOCOL.html
---@field dirlistonly? boolean|integer flag; since 7.17.0; https://curl.se/libcurl/c/CURLOPT_DIRLISTONLY.html
---@field disallow_username_in_url? boolean|integer flag; since 7.61.0; https://curl.se/libcurl/c/CURLOPT_DISALLOW_USERNAME_IN_URL.html
---@field dns_cache_timeout? integer seconds; -1: for ever (-1 and more); since 7.9.3; https://curl.se/libcurl/c/CURLOPT_DNS_CACHE_TIMEOUT.html
---@field dns_interface? string string; since 7.33.0; https://curl.se/libcurl/c/CURLOPT_DNS_INTERFACE.html
---@field dns_local_ip4? string string; since 7.33.0; https://curl.se/libcurl/c/CURLOPT_DNS_LOCAL_IP4.html
---@field dns_local_ip6? string string; since 7.33.0; https://curl.se/libcurl/c/CURLOPT_DNS_LOCAL_IP6.html
---@field dns_servers? string string; since 7.24.0; https://curl.se/libcurl/c/CURLOPT_DNS_SERVERS.html
---@field dns_shuffle_addresses? boolean|integer flag; since 7.60.0; https://curl.se/libcurl/c/CURLOPT_DNS_SHUFFLE_ADDRESSES.html
---@field dns_use_global_cache? boolean|integer flag; since 7.9.3, deprecated 7.11.1; https://curl.se/libcurl/c/CURLOPT_DNS_USE_GLOBAL_CACHE.html
---@field doh_ssl_verifyhost? boolean|integer flag; since 7.76.0; https://curl.se/libcurl/c/CURLOPT_DOH_SSL_VERIFYHOST.html
---@field doh_ssl_verifypeer? boolean|integer flag; since 7.76.0; https://curl.se/libcurl/c/CURLOPT_DOH_SSL_VERIFYPEER.html
---@field doh_ssl_verifystatus? boolean|integer flag; since 7.76.0; https://curl.se/libcurl/c/CURLOPT_DOH_SSL_VERIFYSTATUS.html
---@field doh_url? string|curlsock.Url string or Url; since 7.62.0; https://curl.se/libcurl/c/CURLOPT_DOH_URL.html
---@field ech? string string; since 8.8.0; https://curl.se/libcurl/c/CURLOPT_ECH.html
---@field egdsocket? string string; since 7.7, deprecated 7.84.0; https://curl.se/libcurl/c/CURLOPT_EGDSOCKET.html
---@field encoding? string string; since 7.10, deprecated 7.21.6; https://curl.se/libcurl/c/CURLOPT_ACCEPT_ENCODING.html
---@field expect_100_timeout_ms? integer milliseconds (0 and more); since 7.36.0; https://curl.se/libcurl/c/CURLOPT_EXPECT_100_TIMEOUT_MS.html
---@field failonerror? boolean|integer flag; since 7.1; https://curl.se/libcurl/c/CURLOPT_FAILONERROR.html
---@field filetime? boolean|integer flag; since 7.5; https://curl.se/libcurl/c/CURLOPT_FILETIME.html
---@field fnmatch_function? curlsock.FnmatchFunction whether the name is one of the pattern, in place of libcurl's own way: true is yes; nothing, or false alone, no. False or nil with a reason ends the transfer with CHUNK_FAILED.
---@field followlocation? boolean|integer|"all"|"obeycode"|"firstonly" integer, boolean or name; since 7.1; https://curl.se/libcurl/c/CURLOPT_FOLLOWLOCATION.html
---@field forbid_reuse? boolean|integer flag; since 7.7; https://curl.se/libcurl/c/CURLOPT_FORBID_REUSE.html
---@field fresh_connect? boolean|integer flag; since 7.7; https://curl.se/libcurl/c/CURLOPT_FRESH_CONNECT.html
---@field ftp_account? string string; since 7.13.0; https://curl.se/libcurl/c/CURLOPT_FTP_ACCOUNT.html
---@field ftp_alternative_to_user? string string; since 7.15.5; https://curl.se/libcurl/c/CURLOPT_FTP_ALTERNATIVE_TO_USER.html
---@field ftp_create_missing_dirs? boolean|integer|"none"|"create"|"retry" integer, boolean or name; since 7.10.7; https://curl.se/libcurl/c/CURLOPT_FTP_CREATE_MISSING_DIRS.html
---@field ftp_filemethod? integer|"default"|"multicwd"|"nocwd"|"singlecwd" integer or name; since 7.15.1; https://curl.se/libcurl/c/CURLOPT_FTP_FILEMETHOD.html
---@field ftp_response_timeout? number seconds, also fractions (0 to 2147483); since 7.10.8, deprecated 7.85.0; https://curl.se/libcurl/c/CURLOPT_SERVER_RESPONSE_TIMEOUT.html
---@field ftp_skip_pasv_ip? boolean|integer flag; since 7.15.0; https://curl.se/libcurl/c/CURLOPT_FTP_SKIP_PASV_IP.html
---@field ftp_ssl? integer|"none"|"try"|"control"|"all" integer or name; since 7.11.0, deprecated 7.16.4; https://curl.se/libcurl/c/CURLOPT_USE_SSL.html
---@field ftp_ssl_ccc? integer|"none"|"passive"|"active" integer or name; since 7.16.1; https://curl.se/libcurl/c/CURLOPT_FTP_SSL_CCC.html
---@field ftp_use_eprt? boolean|integer flag; since 7.10.5; https://curl.se/libcurl/c/CURLOPT_FTP_USE_EPRT.html
---@field ftp_use_epsv? boolean|integer flag; since 7.9.2; https://curl.se/libcurl/c/CURLOPT_FTP_USE_EPSV.html
---@field ftp_use_pret? boolean|integer flag; since 7.20.0; https://curl.se/libcurl/c/CURLOPT_FTP_USE_PRET.html
---@field ftpappend? boolean|integer flag; since 7.1, deprecated 7.16.4; https://curl.se/libcurl/c/CURLOPT_APPEND.html
---@field ftplistonly? boolean|integer flag; since 7.1, deprecated 7.16.4; https://curl.se/libcurl/c/CURLOPT_DIRLISTONLY.html
---@field ftpport? string string; since 7.1; https://curl.se/libcurl/c/CURLOPT_FTPPORT.html
---@field ftpsslauth? integer|"default"|"ssl"|"tls" integer or name; since 7.12.2; https://curl.se/libcurl/c/CURLOPT_FTPSSLAUTH.html
---@field gssapi_delegation? integer|"none"|"policy_flag"|"flag"|("none"|"policy_flag"|"flag")[] integer, name or list of names; since 7.22.0; https://curl.se/libcurl/c/CURLOPT_GSSAPI_DELEGATION.html
---@field happy_eyeballs_timeout_ms? integer milliseconds (0 and more); since 7.59.0; https://curl.se/libcurl/c/CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS.html
---@field haproxy_client_ip? string string; since 8.2.0; https://curl.se/libcurl/c/CURLOPT_HAPROXY_CLIENT_IP.html
---@field haproxyprotocol? boolean|integer flag; since 7.60.0; https://curl.se/libcurl/c/CURLOPT_HAPROXYPROTOCOL.html
---@field header? boolean|integer flag; since 7.1; https://curl.se/libcurl/c/CURLOPT_HEADER.html
---@field headerfunction? curlsock.HeaderFunction|file*|table writefunction gets a piece of the body; headerfunction a line of the headers with its end, of each answer (also 100, redirects, a proxy's) and of trailers. Nothing, true or a file (what file:write returns) goes on; curl.PAUSE, of writefunction, pauses; false, or nil and a reason, ends the transfer with WRITE_ERROR.
---@field headeropt? integer|"unified"|"separate" integer or name; since 7.37.0; https://curl.se/libcurl/c/CURLOPT_HEADEROPT.html
---@field hsts? string string; since 7.74.0; https://curl.se/libcurl/c/CURLOPT_HSTS.html
---@field hsts_ctrl? integer|"enable"|"readonlyfile"|("enable"|"readonlyfile")[] integer, name or list of names; since 7.74.0; https://curl.se/libcurl/c/CURLOPT_HSTS_CTRL.html
---@field hstsreadfunction? curlsock.HstsreadFunction asked when a transfer begins, until it answers nothing: a table of one host that wants TLS: host, include_subdomains, and expire, in seconds since 1970 (without: never). False, or nil and a reason, ends the transfer with ABORTED_BY_CALLBACK. It needs hsts_ctrl; easy:dup asks it, too.
---@field hstswritefunction? curlsock.HstswriteFunction told each host that wants TLS, as hstsreadfunction tells them, when the easy is closed; index counts from 1. False ends that. Not while its cache is that of a share.
---@field http09_allowed? boolean|integer flag; since 7.64.0; https://curl.se/libcurl/c/CURLOPT_HTTP09_ALLOWED.html
---@field http200aliases? string[] list of strings; since 7.10.3; https://curl.se/libcurl/c/CURLOPT_HTTP200ALIASES.html
---@field http_content_decoding? boolean|integer flag; since 7.16.2; https://curl.se/libcurl/c/CURLOPT_HTTP_CONTENT_DECODING.html
---@field http_transfer_decoding? boolean|integer flag; since 7.16.2; https://curl.se/libcurl/c/CURLOPT_HTTP_TRANSFER_DECODING.html
---@field http_version? number|"none"|"1.0"|"1.1"|"2"|"2tls"|"2-prior-knowledge"|"3"|"3only" version or name; since 7.9.1; https://curl.se/libcurl/c/CURLOPT_HTTP_VERSION.html
---@field httpauth? integer|"none"|"basic"|"digest"|"digest_ie"|"negotiate"|"gssapi"|"ntlm"|"ntlm_wb"|"bearer"|"aws_sigv4"|"httpsig"|"only"|"any"|"anysafe"|("none"|"basic"|"digest"|"digest_ie"|"negotiate"|"gssapi"|"ntlm"|"ntlm_wb"|"bearer"|"aws_sigv4"|"httpsig"|"only"|"any"|"anysafe")[] integer, name or list of names; since 7.10.6; https://curl.se/libcurl/c/CURLOPT_HTTPAUTH.html
---@field httpget? boolean|integer flag; since 7.8.1; https://curl.se/libcurl/c/CURLOPT_HTTPGET.html
---@field httpheader? string[] list of strings; since 7.1; https://curl.se/libcurl/c/CURLOPT_HTTPHEADER.html
---@field httpproxytunnel? boolean|integer flag; since 7.3; https://curl.se/libcurl/c/CURLOPT_HTTPPROXYTUNNEL.html
---@field httpsig_algorithm? integer integer; since 8.22.0; https://curl.se/libcurl/c/CURLOPT_HTTPSIG_ALGORITHM.html
---@field httpsig_headers? string string; since 8.22.0; https://curl.se/libcurl/c/CURLOPT_HTTPSIG_HEADERS.html
---@field httpsig_key? string string; since 8.22.0; https://curl.se/libcurl/c/CURLOPT_HTTPSIG_KEY.html
---@field httpsig_keyid? string string; since 8.22.0; https://curl.se/libcurl/c/CURLOPT_HTTPSIG_KEYID.html
---@field ignore_content_length? boolean|integer flag; since 7.14.1; https://curl.se/libcurl/c/CURLOPT_IGNORE_CONTENT_LENGTH.html
---@field infilesize? integer bytes (-1 and more); since 7.1; https://curl.se/libcurl/c/CURLOPT_INFILESIZE.html
---@field infilesize_large? integer bytes (-1 and more); since 7.11.0; https://curl.se/libcurl/c/CURLOPT_INFILESIZE_LARGE.html
---@field interface? string string; since 7.3; https://curl.se/libcurl/c/CURLOPT_INTERFACE.html
---@field interleavefunction? curlsock.InterleaveFunction a packet of RTP that came by RTSP, with its four bytes of header; without this callback they go to writefunction. False, or nil and a reason, ends the transfer with WRITE_ERROR. It cannot pause.
---@field ipresolve? number|"whatever"|"v4"|"v6" version or name; since 7.10.8; https://curl.se/libcurl/c/CURLOPT_IPRESOLVE.html
---@field issuercert? string string; since 7.19.0; https://curl.se/libcurl/c/CURLOPT_ISSUERCERT.html
---@field issuercert_blob? string bytes of a file; since 7.71.0; https://curl.se/libcurl/c/CURLOPT_ISSUERCERT_BLOB.html
---@field keep_sending_on_error? boolean|integer flag; since 7.51.0; https://curl.se/libcurl/c/CURLOPT_KEEP_SENDING_ON_ERROR.html
---@field keypasswd? string string; since 7.17.0; https://curl.se/libcurl/c/CURLOPT_KEYPASSWD.html
---@field krb4level? string string; since 7.3, deprecated 7.17.0; https://curl.se/libcurl/c/CURLOPT_KRBLEVEL.html
---@field krblevel? string string; since 7.16.4, deprecated 8.17.0; https://curl.se/libcurl/c/CURLOPT_KRBLEVEL.html
---@field localport? integer integer (0 to 65535); since 7.15.2; https://curl.se/libcurl/c/CURLOPT_LOCALPORT.html
---@field localportrange? integer integer (0 to 65535); since 7.15.2; https://curl.se/libcurl/c/CURLOPT_LOCALPORTRANGE.html
---@field login_options? string string; since 7.34.0; https://curl.se/libcurl/c/CURLOPT_LOGIN_OPTIONS.html
---@field low_speed_limit? integer bytes a second (0 and more); since 7.1; https://curl.se/libcurl/c/CURLOPT_LOW_SPEED_LIMIT.html
---@field low_speed_time? integer seconds (0 and more); since 7.1; https://curl.se/libcurl/c/CURLOPT_LOW_SPEED_TIME.html
---@field mail_auth? string string; since 7.25.0; https://curl.se/libcurl/c/CURLOPT_MAIL_AUTH.html
---@field mail_from? string string; since 7.20.0; https://curl.se/libcurl/c/CURLOPT_MAIL_FROM.html
---@field mail_rcpt? string[] list of strings; since 7.20.0; https://curl.se/libcurl/c/CURLOPT_MAIL_RCPT.html
---@field mail_rcpt_alllowfails? boolean|integer flag; since 7.69.0, deprecated 8.2.0; https://curl.se/libcurl/c/CURLOPT_MAIL_RCPT_ALLOWFAILS.html
---@field mail_rcpt_allowfails? boolean|integer flag; since 8.2.0; https://curl.se/libcurl/c/CURLOPT_MAIL_RCPT_ALLOWFAILS.html
---@field max_recv_speed_large? integer bytes a second (0 and more); since 7.15.5; https://curl.se/libcurl/c/CURLOPT_MAX_RECV_SPEED_LARGE.html
---@field max_send_speed_large? integer bytes a second (0 and more); since 7.15.5; https://curl.se/libcurl/c/CURLOPT_MAX_SEND_SPEED_LARGE.html
---@field maxage_conn? integer seconds (0 and more); since 7.65.0; https://curl.se/libcurl/c/CURLOPT_MAXAGE_CONN.html
---@field maxconnects? integer integer (0 and more); since 7.7; https://curl.se/libcurl/c/CURLOPT_MAXCONNECTS.html
---@field maxfilesize? integer bytes (0 and more); since 7.10.8; https://curl.se/libcurl/c/CURLOPT_MAXFILESIZE.html
---@field maxfilesize_large? integer bytes (0 and more); since 7.11.0; https://curl.se/libcurl/c/CURLOPT_MAXFILESIZE_LARGE.html
---@field maxlifetime_conn? integer seconds (0 and more); since 7.80.0; https://curl.se/libcurl/c/CURLOPT_MAXLIFETIME_CONN.html
---@field maxredirs? integer integer (-1 and more); since 7.5; https://curl.se/libcurl/c/CURLOPT_MAXREDIRS.html
---@field mime_options? integer|"formescape"|("formescape")[] integer, name or list of names; since 7.81.0; https://curl.se/libcurl/c/CURLOPT_MIME_OPTIONS.html
---@field mimepost? curlsock.Part[] the option is a list of parts: of a form, or of a mail. The tables are read when it is set: what becomes of them later does not matter. Another body, or a method, takes the parts back.
---@field netrc? integer|"ignored"|"optional"|"required" integer or name; since 7.1; https://curl.se/libcurl/c/CURLOPT_NETRC.html
---@field netrc_file? string string; since 7.11.0; https://curl.se/libcurl/c/CURLOPT_NETRC_FILE.html
---@field new_directory_perms? integer permissions of a file (0 to 511); since 7.16.4; https://curl.se/libcurl/c/CURLOPT_NEW_DIRECTORY_PERMS.html
---@field new_file_perms? integer permissions of a file (0 to 511); since 7.16.4; https://curl.se/libcurl/c/CURLOPT_NEW_FILE_PERMS.html
---@field nobody? boolean|integer flag; since 7.1; https://curl.se/libcurl/c/CURLOPT_NOBODY.html
---@field noprogress? boolean|integer flag; since 7.1; https://curl.se/libcurl/c/CURLOPT_NOPROGRESS.html
---@field noproxy? string string; since 7.19.4; https://curl.se/libcurl/c/CURLOPT_NOPROXY.html
---@field nosignal? boolean|integer flag; since 7.10; https://curl.se/libcurl/c/CURLOPT_NOSIGNAL.html
---@field opensocketfunction? curlsock.OpensocketFunction libcurl wants a socket for the address, which may be changed; purpose is "ipcxn", also for one that is to listen (FTP). It exists to allow: true opens the usual socket; a Socket, a descriptor or an object with one is lent to libcurl; false, nil and a reason, or nothing refuses, and libcurl tries the next address, or fails with COULDNT_CONNECT.
---@field password? string string; since 7.19.1; https://curl.se/libcurl/c/CURLOPT_PASSWORD.html
---@field path_as_is? boolean|integer flag; since 7.42.0; https://curl.se/libcurl/c/CURLOPT_PATH_AS_IS.html
---@field pinnedpublickey? string string; since 7.39.0; https://curl.se/libcurl/c/CURLOPT_PINNEDPUBLICKEY.html
---@field pipewait? boolean|integer flag; since 7.43.0; https://curl.se/libcurl/c/CURLOPT_PIPEWAIT.html
---@field port? integer integer (0 to 65535); since 7.1; https://curl.se/libcurl/c/CURLOPT_PORT.html
---@field post? boolean|integer flag; since 7.1; https://curl.se/libcurl/c/CURLOPT_POST.html
---@field post301? integer|"get_all"|"post_301"|"post_302"|"post_303"|"post_all"|("get_all"|"post_301"|"post_302"|"post_303"|"post_all")[] integer, name or list of names (0 to 7); since 7.17.1, deprecated 7.19.1; https://curl.se/libcurl/c/CURLOPT_POSTREDIR.html
---@field postfields? string|table string, or table of names (a form); since 7.1; https://curl.se/libcurl/c/CURLOPT_POSTFIELDS.html
---@field postfieldsize? integer bytes (-1 and more); since 7.2; https://curl.se/libcurl/c/CURLOPT_POSTFIELDSIZE.html
---@field postfieldsize_large? integer bytes (-1 and more); since 7.11.1; https://curl.se/libcurl/c/CURLOPT_POSTFIELDSIZE_LARGE.html
---@field postquote? string[] list of strings; since 7.1; https://curl.se/libcurl/c/CURLOPT_POSTQUOTE.html
---@field postredir? integer|"get_all"|"post_301"|"post_302"|"post_303"|"post_all"|("get_all"|"post_301"|"post_302"|"post_303"|"post_all")[] integer, name or list of names (0 to 7); since 7.19.1; https://curl.se/libcurl/c/CURLOPT_POSTREDIR.html
---@field pre_proxy? string|curlsock.Url string or Url; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PRE_PROXY.html
---@field prequote? string[] list of strings; since 7.9.5; https://curl.se/libcurl/c/CURLOPT_PREQUOTE.html
---@field prereqfunction? curlsock.PrereqFunction there is a connection, new or kept, and the request would be sent on it; asked again for each redirect. socket is the Socket of that connection; nil where it cannot be told: before libcurl 8.2, which has no numbers for connections, that of a UNIX socket. Its purpose is to allow: only true (or a file) goes on. All else ends the transfer with ABORTED_BY_CALLBACK.
---@field protocols? integer integer; since 7.19.4, deprecated 7.85.0; https://curl.se/libcurl/c/CURLOPT_PROTOCOLS.html
---@field protocols_str? string string; since 7.85.0; https://curl.se/libcurl/c/CURLOPT_PROTOCOLS_STR.html
---@field proxy? string|curlsock.Url string or Url; since 7.1; https://curl.se/libcurl/c/CURLOPT_PROXY.html
---@field proxy_cainfo? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_CAINFO.html
---@field proxy_cainfo_blob? string bytes of a file; since 7.77.0; https://curl.se/libcurl/c/CURLOPT_PROXY_CAINFO_BLOB.html
---@field proxy_capath? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_CAPATH.html
---@field proxy_crlfile? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_CRLFILE.html
---@field proxy_issuercert? string string; since 7.71.0; https://curl.se/libcurl/c/CURLOPT_PROXY_ISSUERCERT.html
---@field proxy_issuercert_blob? string bytes of a file; since 7.71.0; https://curl.se/libcurl/c/CURLOPT_PROXY_ISSUERCERT_BLOB.html
---@field proxy_keypasswd? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_KEYPASSWD.html
---@field proxy_pinnedpublickey? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_PINNEDPUBLICKEY.html
---@field proxy_service_name? string string; since 7.43.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SERVICE_NAME.html
---@field proxy_ssl_cipher_list? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSL_CIPHER_LIST.html
---@field proxy_ssl_options? integer|"allow_beast"|"no_revoke"|"no_partialchain"|"revoke_best_effort"|"native_ca"|"auto_client_cert"|"earlydata"|("allow_beast"|"no_revoke"|"no_partialchain"|"revoke_best_effort"|"native_ca"|"auto_client_cert"|"earlydata")[] integer, name or list of names; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSL_OPTIONS.html
---@field proxy_ssl_verifyhost? boolean|integer flag; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSL_VERIFYHOST.html
---@field proxy_ssl_verifypeer? boolean|integer flag; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSL_VERIFYPEER.html
---@field proxy_sslcert? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSLCERT.html
---@field proxy_sslcert_blob? string bytes of a file; since 7.71.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSLCERT_BLOB.html
---@field proxy_sslcerttype? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSLCERTTYPE.html
---@field proxy_sslkey? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSLKEY.html
---@field proxy_sslkey_blob? string bytes of a file; since 7.71.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSLKEY_BLOB.html
---@field proxy_sslkeytype? string string; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSLKEYTYPE.html
---@field proxy_sslversion? number|"default"|"tlsv1"|"sslv2"|"sslv3"|"tlsv1.0"|"tlsv1.1"|"tlsv1.2"|"tlsv1.3"|"max_none"|"max_default"|"max_tlsv1.0"|"max_tlsv1.1"|"max_tlsv1.2"|"max_tlsv1.3"|("default"|"tlsv1"|"sslv2"|"sslv3"|"tlsv1.0"|"tlsv1.1"|"tlsv1.2"|"tlsv1.3"|"max_none"|"max_default"|"max_tlsv1.0"|"max_tlsv1.1"|"max_tlsv1.2"|"max_tlsv1.3")[] version, name or list of names; since 7.52.0; https://curl.se/libcurl/c/CURLOPT_PROXY_SSLVERSION.html
---@field proxy_tls13_ciphers? string string; since 7.61.0; https://curl.se/libcurl/c/CURLOPT_PROXY_TLS13_CIPHERS.html
---@field proxy_tlsauth_password? string string; since 7.52.0, deprecated 8.22.0; https://curl.se/libcurl/c/CURLOPT_PROXY_TLSAUTH_PASSWORD.html
---@field proxy_tlsauth_type? string string; since 7.52.0, deprecated 8.22.0; https://curl.se/libcurl/c/CURLOPT_PROXY_TLSAUTH_TYPE.html
---@field proxy_tlsauth_username? string string; since 7.52.0, deprecated 8.22.0; https://curl.se/libcurl/c/CURLOPT_PROXY_TLSAUTH_USERNAME.html
---@field proxy_transfer_mode? boolean|integer flag; since 7.18.0; https://curl.se/libcurl/c/CURLOPT_PROXY_TRANSFER_MODE.html
---@field proxyauth? integer|"none"|"basic"|"digest"|"digest_ie"|"negotiate"|"gssapi"|"ntlm"|"ntlm_wb"|"bearer"|"aws_sigv4"|"httpsig"|"only"|"any"|"anysafe"|("none"|"basic"|"digest"|"digest_ie"|"negotiate"|"gssapi"|"ntlm"|"ntlm_wb"|"bearer"|"aws_sigv4"|"httpsig"|"only"|"any"|"anysafe")[] integer, name or list of names; since 7.10.7; https://curl.se/libcurl/c/CURLOPT_PROXYAUTH.html
---@field proxyheader? string[] list of strings; since 7.37.0; https://curl.se/libcurl/c/CURLOPT_PROXYHEADER.html
---@field proxypassword? string string; since 7.19.1; https://curl.se/libcurl/c/CURLOPT_PROXYPASSWORD.html
---@field proxyport? integer integer (0 to 65535); since 7.1; https://curl.se/libcurl/c/CURLOPT_PROXYPORT.html
---@field proxytype? integer|"http"|"http_1_0"|"https"|"https2"|"https3"|"socks4"|"socks4a"|"socks5"|"socks5_hostname" integer or name; since 7.10; https://curl.se/libcurl/c/CURLOPT_PROXYTYPE.html
---@field proxyusername? string string; since 7.19.1; https://curl.se/libcurl/c/CURLOPT_PROXYUSERNAME.html
---@field proxyuserpwd? string string; since 7.1; https://curl.se/libcurl/c/CURLOPT_PROXYUSERPWD.html
---@field put? boolean|integer flag; since 7.1, deprecated 7.12.1; https://curl.se/libcurl/c/CURLOPT_PUT.html
---@field quick_exit? boolean|integer flag; since 7.87.0; https://curl.se/libcurl/c/CURLOPT_QUICK_EXIT.html
---@field quote? string[] list of strings; since 7.1; https://curl.se/libcurl/c/CURLOPT_QUOTE.html
---@field random_file? string string; since 7.7, deprecated 7.84.0; https://curl.se/libcurl/c/CURLOPT_RANDOM_FILE.html
---@field range? string string; since 7.1; https://curl.se/libcurl/c/CURLOPT_RANGE.html
---@field readfunction? curlsock.ReadFunction|file*|string libcurl wants to send that many bytes at most. A string, also a longer one, which is then sent in pieces, but not an empty one; nothing is the end of the body; curl.PAUSE pauses; false, or nil and a reason, ends the transfer with ABORTED_BY_CALLBACK. Over WebSocket (libcurl 8.16) each piece is a binary frame, unless easy:ws_start_frame has begun another.
---@field redir_protocols? integer integer; since 7.19.4, deprecated 7.85.0; https://curl.se/libcurl/c/CURLOPT_REDIR_PROTOCOLS.html
---@field redir_protocols_str? string string; since 7.85.0; https://curl.se/libcurl/c/CURLOPT_REDIR_PROTOCOLS_STR.html
---@field referer? string|curlsock.Url string or Url; since 7.1; https://curl.se/libcurl/c/CURLOPT_REFERER.html
---@field request_target? string string; since 7.55.0; https://curl.se/libcurl/c/CURLOPT_REQUEST_TARGET.html
---@field resolve? string[] list of strings; since 7.21.3; https://curl.se/libcurl/c/CURLOPT_RESOLVE.html
---@field resolver_start_function? curlsock.ResolverStartFunction a name is about to be resolved (libcurl does not say which; it is one that no cache has; in some releases an address, too). False, or nil and a reason, refuses: COULDNT_RESOLVE_HOST.
---@field resume_from? integer bytes (-1 and more); since 7.1; https://curl.se/libcurl/c/CURLOPT_RESUME_FROM.html
---@field resume_from_large? integer bytes (-1 and more); since 7.11.0; https://curl.se/libcurl/c/CURLOPT_RESUME_FROM_LARGE.html
---@field rtsp_client_cseq? integer integer (0 and more); since 7.20.0; https://curl.se/libcurl/c/CURLOPT_RTSP_CLIENT_CSEQ.html
---@field rtsp_request? integer|"options"|"describe"|"announce"|"setup"|"play"|"pause"|"teardown"|"get_parameter"|"set_parameter"|"record"|"receive" integer or name; since 7.20.0; https://curl.se/libcurl/c/CURLOPT_RTSP_REQUEST.html
---@field rtsp_server_cseq? integer integer (0 and more); since 7.20.0; https://curl.se/libcurl/c/CURLOPT_RTSP_SERVER_CSEQ.html
---@field rtsp_session_id? string string; since 7.20.0; https://curl.se/libcurl/c/CURLOPT_RTSP_SESSION_ID.html
---@field rtsp_stream_uri? string string; since 7.20.0; https://curl.se/libcurl/c/CURLOPT_RTSP_STREAM_URI.html
---@field rtsp_transport? string string; since 7.20.0; https://curl.se/libcurl/c/CURLOPT_RTSP_TRANSPORT.html
---@field rtspheader? string[] list of strings; since 7.20.0; https://curl.se/libcurl/c/CURLOPT_HTTPHEADER.html
---@field sasl_authzid? string string; since 7.66.0; https://curl.se/libcurl/c/CURLOPT_SASL_AUTHZID.html
---@field sasl_ir? boolean|integer flag; since 7.31.0; https://curl.se/libcurl/c/CURLOPT_SASL_IR.html
---@field seekfunction? curlsock.SeekFunction the next readfunction has to begin there; origin is "set", "cur" or "end". True, a file or a number (what file:seek returns) means that it does; nothing that it cannot: libcurl may read and drop instead, or fail; false, or nil and a reason, ends the transfer.
---@field server_response_timeout? number seconds, also fractions (0 to 2147483); since 7.20.0; https://curl.se/libcurl/c/CURLOPT_SERVER_RESPONSE_TIMEOUT.html
---@field server_response_timeout_ms? integer milliseconds (0 and more); since 8.6.0; https://curl.se/libcurl/c/CURLOPT_SERVER_RESPONSE_TIMEOUT_MS.html
---@field service_name? string string; since 7.43.0; https://curl.se/libcurl/c/CURLOPT_SERVICE_NAME.html
---@field share? curlsock.Share open share; since 7.10; https://curl.se/libcurl/c/CURLOPT_SHARE.html
---@field sockoptfunction? curlsock.SockoptFunction the socket is going to be connected ("ipcxn"), or FTP has accepted it ("accept"): then it is "borrowed" until this returns. Nothing, true or a file goes on; "connected" keeps libcurl from connecting it; false, or nil and a reason, refuses: the transfer fails.
---@field socks5_auth? integer|"none"|"basic"|"digest"|"digest_ie"|"negotiate"|"gssapi"|"ntlm"|"ntlm_wb"|"bearer"|"aws_sigv4"|"httpsig"|"only"|"any"|"anysafe"|("none"|"basic"|"digest"|"digest_ie"|"negotiate"|"gssapi"|"ntlm"|"ntlm_wb"|"bearer"|"aws_sigv4"|"httpsig"|"only"|"any"|"anysafe")[] integer, name or list of names; since 7.55.0; https://curl.se/libcurl/c/CURLOPT_SOCKS5_AUTH.html
---@field socks5_gssapi_nec? boolean|integer flag; since 7.19.4; https://curl.se/libcurl/c/CURLOPT_SOCKS5_GSSAPI_NEC.html
---@field socks5_gssapi_service? string string; since 7.19.4, deprecated 7.49.0; https://curl.se/libcurl/c/CURLOPT_SOCKS5_GSSAPI_SERVICE.html
---@field ssh_auth_types? integer|"none"|"publickey"|"password"|"host"|"keyboard"|"agent"|"gssapi"|"any"|"default"|("none"|"publickey"|"password"|"host"|"keyboard"|"agent"|"gssapi"|"any"|"default")[] integer, name or list of names; since 7.16.1; https://curl.se/libcurl/c/CURLOPT_SSH_AUTH_TYPES.html
---@field ssh_compression? boolean|integer flag; since 7.56.0; https://curl.se/libcurl/c/CURLOPT_SSH_COMPRESSION.html
---@field ssh_host_public_key_md5? string string; since 7.17.1; https://curl.se/libcurl/c/CURLOPT_SSH_HOST_PUBLIC_KEY_MD5.html
---@field ssh_host_public_key_sha256? string string; since 7.80.0; https://curl.se/libcurl/c/CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256.html
---@field ssh_hostkeyfunction? curlsock.SshHostkeyFunction the server has that key, in bytes; type is "rsa", "ecdsa", "ed25519", "dss", "rsa1" or "unknown". Its purpose is to allow: only true (or a file) goes on, all else ends the transfer with PEER_FAILED_VERIFICATION.
---@field ssh_keyfunction? curlsock.SshKeyFunction the server has the key found, and the file of ssh_knownhosts says of it: match is "ok", "mismatch" (it has known instead) or "missing". A key is a table: type, as ssh_hostkeyfunction has it, and key (bytes) or base64. Its purpose is to allow: true (or a file) and "fine" go on; so do "fine_add_to_file" and "fine_replace", which write the file. All else, "reject" too, ends the transfer with PEER_FAILED_VERIFICATION. (libcurl's CURLKHSTAT_DEFER is not there: to close such a connection it asks again, for ever.)
---@field ssh_knownhosts? string string; since 7.19.6; https://curl.se/libcurl/c/CURLOPT_SSH_KNOWNHOSTS.html
---@field ssh_private_keyfile? string string; since 7.16.1; https://curl.se/libcurl/c/CURLOPT_SSH_PRIVATE_KEYFILE.html
---@field ssh_public_keyfile? string string; since 7.16.1; https://curl.se/libcurl/c/CURLOPT_SSH_PUBLIC_KEYFILE.html
---@field ssl_cipher_list? string string; since 7.9; https://curl.se/libcurl/c/CURLOPT_SSL_CIPHER_LIST.html
---@field ssl_ec_curves? string string; since 7.73.0; https://curl.se/libcurl/c/CURLOPT_SSL_EC_CURVES.html
---@field ssl_enable_alpn? boolean|integer flag; since 7.36.0; https://curl.se/libcurl/c/CURLOPT_SSL_ENABLE_ALPN.html
---@field ssl_enable_npn? boolean|integer flag; since 7.36.0, deprecated 7.86.0; https://curl.se/libcurl/c/CURLOPT_SSL_ENABLE_NPN.html
---@field ssl_falsestart? boolean|integer flag; since 7.42.0, deprecated 8.15.0; https://curl.se/libcurl/c/CURLOPT_SSL_FALSESTART.html
---@field ssl_options? integer|"allow_beast"|"no_revoke"|"no_partialchain"|"revoke_best_effort"|"native_ca"|"auto_client_cert"|"earlydata"|("allow_beast"|"no_revoke"|"no_partialchain"|"revoke_best_effort"|"native_ca"|"auto_client_cert"|"earlydata")[] integer, name or list of names; since 7.25.0; https://curl.se/libcurl/c/CURLOPT_SSL_OPTIONS.html
---@field ssl_sessionid_cache? boolean|integer flag; since 7.16.0; https://curl.se/libcurl/c/CURLOPT_SSL_SESSIONID_CACHE.html
---@field ssl_signature_algorithms? string string; since 8.14.0; https://curl.se/libcurl/c/CURLOPT_SSL_SIGNATURE_ALGORITHMS.html
---@field ssl_verifyhost? boolean|integer flag; since 7.8.1; https://curl.se/libcurl/c/CURLOPT_SSL_VERIFYHOST.html
---@field ssl_verifypeer? boolean|integer flag; since 7.4.2; https://curl.se/libcurl/c/CURLOPT_SSL_VERIFYPEER.html
---@field ssl_verifystatus? boolean|integer flag; since 7.41.0; https://curl.se/libcurl/c/CURLOPT_SSL_VERIFYSTATUS.html
---@field sslcert? string string; since 7.1; https://curl.se/libcurl/c/CURLOPT_SSLCERT.html
---@field sslcert_blob? string bytes of a file; since 7.71.0; https://curl.se/libcurl/c/CURLOPT_SSLCERT_BLOB.html
---@field sslcertpasswd? string string; since 7.1.1, deprecated 7.17.0; https://curl.se/libcurl/c/CURLOPT_KEYPASSWD.html
---@field sslcerttype? string string; since 7.9.3; https://curl.se/libcurl/c/CURLOPT_SSLCERTTYPE.html
---@field sslengine? string string; since 7.9.3; https://curl.se/libcurl/c/CURLOPT_SSLENGINE.html
---@field sslengine_default? boolean|integer flag; since 7.9.3; https://curl.se/libcurl/c/CURLOPT_SSLENGINE_DEFAULT.html
---@field sslkey? string string; since 7.9.3; https://curl.se/libcurl/c/CURLOPT_SSLKEY.html
---@field sslkey_blob? string bytes of a file; since 7.71.0; https://curl.se/libcurl/c/CURLOPT_SSLKEY_BLOB.html
---@field sslkeypasswd? string string; since 7.9.3, deprecated 7.17.0; https://curl.se/libcurl/c/CURLOPT_KEYPASSWD.html
---@field sslkeytype? string string; since 7.9.3; https://curl.se/libcurl/c/CURLOPT_SSLKEYTYPE.html
---@field sslversion? number|"default"|"tlsv1"|"sslv2"|"sslv3"|"tlsv1.0"|"tlsv1.1"|"tlsv1.2"|"tlsv1.3"|"max_none"|"max_default"|"max_tlsv1.0"|"max_tlsv1.1"|"max_tlsv1.2"|"max_tlsv1.3"|("default"|"tlsv1"|"sslv2"|"sslv3"|"tlsv1.0"|"tlsv1.1"|"tlsv1.2"|"tlsv1.3"|"max_none"|"max_default"|"max_tlsv1.0"|"max_tlsv1.1"|"max_tlsv1.2"|"max_tlsv1.3")[] version, name or list of names; since 7.1; https://curl.se/libcurl/c/CURLOPT_SSLVERSION.html
---@field stderr? file* open file; since 7.1; https://curl.se/libcurl/c/CURLOPT_STDERR.html
---@field stream_weight? integer integer (1 to 256); since 7.46.0; https://curl.se/libcurl/c/CURLOPT_STREAM_WEIGHT.html
---@field suppress_connect_headers? boolean|integer flag; since 7.54.0; https://curl.se/libcurl/c/CURLOPT_SUPPRESS_CONNECT_HEADERS.html
---@field tcp_fastopen? boolean|integer flag; since 7.49.0; https://curl.se/libcurl/c/CURLOPT_TCP_FASTOPEN.html
---@field tcp_keepalive? boolean|integer flag; since 7.25.0; https://curl.se/libcurl/c/CURLOPT_TCP_KEEPALIVE.html
---@field tcp_keepcnt? integer integer (0 and more); since 8.9.0; https://curl.se/libcurl/c/CURLOPT_TCP_KEEPCNT.html
---@field tcp_keepidle? integer seconds (0 and more); since 7.25.0; https://curl.se/libcurl/c/CURLOPT_TCP_KEEPIDLE.html
---@field tcp_keepintvl? integer seconds (0 and more); since 7.25.0; https://curl.se/libcurl/c/CURLOPT_TCP_KEEPINTVL.html
---@field tcp_nodelay? boolean|integer flag; since 7.11.2; https://curl.se/libcurl/c/CURLOPT_TCP_NODELAY.html
---@field telnetoptions? string[] list of strings; since 7.7; https://curl.se/libcurl/c/CURLOPT_TELNETOPTIONS.html
---@field tftp_blksize? integer bytes (0 and more); since 7.19.4; https://curl.se/libcurl/c/CURLOPT_TFTP_BLKSIZE.html
---@field tftp_no_options? boolean|integer flag; since 7.48.0; https://curl.se/libcurl/c/CURLOPT_TFTP_NO_OPTIONS.html
---@field timecondition? integer|"none"|"ifmodsince"|"ifunmodsince"|"lastmod" integer or name; since 7.1; https://curl.se/libcurl/c/CURLOPT_TIMECONDITION.html
---@field timeout? number seconds, also fractions (0 to 2147483); since 7.1; https://curl.se/libcurl/c/CURLOPT_TIMEOUT.html
---@field timeout_ms? integer milliseconds (0 and more); since 7.16.2; https://curl.se/libcurl/c/CURLOPT_TIMEOUT_MS.html
---@field timevalue? integer seconds since 1970; since 7.1; https://curl.se/libcurl/c/CURLOPT_TIMEVALUE.html
---@field timevalue_large? integer seconds since 1970; since 7.59.0; https://curl.se/libcurl/c/CURLOPT_TIMEVALUE_LARGE.html
---@field tls13_ciphers? string string; since 7.61.0; https://curl.se/libcurl/c/CURLOPT_TLS13_CIPHERS.html
---@field tlsauth_password? string string; since 7.21.4, deprecated 8.22.0; https://curl.se/libcurl/c/CURLOPT_TLSAUTH_PASSWORD.html
---@field tlsauth_type? string string; since 7.21.4, deprecated 8.22.0; https://curl.se/libcurl/c/CURLOPT_TLSAUTH_TYPE.html
---@field tlsauth_username? string string; since 7.21.4, deprecated 8.22.0; https://curl.se/libcurl/c/CURLOPT_TLSAUTH_USERNAME.html
---@field trailerfunction? curlsock.TrailerFunction a chunked upload has ended: a list of "Name: value" lines to be sent after it; or nothing. False, or nil and a reason, ends the transfer with ABORTED_BY_CALLBACK. A libcurl before 8.7.0 refuses the option: NOT_SUPPORTED.
---@field transfer_encoding? boolean|integer flag; since 7.21.6; https://curl.se/libcurl/c/CURLOPT_TRANSFER_ENCODING.html
---@field transfertext? boolean|integer flag; since 7.1.1; https://curl.se/libcurl/c/CURLOPT_TRANSFERTEXT.html
---@field unix_socket_path? string string; since 7.40.0; https://curl.se/libcurl/c/CURLOPT_UNIX_SOCKET_PATH.html
---@field unrestricted_auth? boolean|integer flag; since 7.10.4; https://curl.se/libcurl/c/CURLOPT_UNRESTRICTED_AUTH.html
---@field upkeep_interval_ms? integer milliseconds (0 and more); since 7.62.0; https://curl.se/libcurl/c/CURLOPT_UPKEEP_INTERVAL_MS.html
---@field upload? boolean|integer flag; since 7.1; https://curl.se/libcurl/c/CURLOPT_UPLOAD.html
---@field upload_buffersize? integer bytes (0 and more); since 7.62.0; https://curl.se/libcurl/c/CURLOPT_UPLOAD_BUFFERSIZE.html
---@field upload_flags? integer|"answered"|"deleted"|"draft"|"flagged"|"seen"|("answered"|"deleted"|"draft"|"flagged"|"seen")[] integer, name or list of names; since 8.13.0; https://curl.se/libcurl/c/CURLOPT_UPLOAD_FLAGS.html
---@field url? string|curlsock.Url string or Url; since 7.1; https://curl.se/libcurl/c/CURLOPT_URL.html
---@field use_ssl? integer|"none"|"try"|"control"|"all" integer or name; since 7.17.0; https://curl.se/libcurl/c/CURLOPT_USE_SSL.html
---@field useragent? string string; since 7.1; https://curl.se/libcurl/c/CURLOPT_USERAGENT.html
---@field username? string string; since 7.19.1; https://curl.se/libcurl/c/CURLOPT_USERNAME.html
---@field userpwd? string string; since 7.1; https://curl.se/libcurl/c/CURLOPT_USERPWD.html
---@field verbose? boolean|integer flag; since 7.1; https://curl.se/libcurl/c/CURLOPT_VERBOSE.html
---@field wildcardmatch? boolean|integer flag; since 7.21.0; https://curl.se/libcurl/c/CURLOPT_WILDCARDMATCH.html
---@field writefunction? curlsock.WriteFunction|file*|table writefunction gets a piece of the body; headerfunction a line of the headers with its end, of each answer (also 100, redirects, a proxy's) and of trailers. Nothing, true or a file (what file:write returns) goes on; curl.PAUSE, of writefunction, pauses; false, or nil and a reason, ends the transfer with WRITE_ERROR.
---@field ws_options? integer|"raw_mode"|"noautopong"|("raw_mode"|"noautopong")[] integer, name or list of names; since 7.86.0; https://curl.se/libcurl/c/CURLOPT_WS_OPTIONS.html
---@field xferinfofunction? curlsock.XferinfoFunction how far it is, in bytes, 0 for what is not known: often, and about once a second when nothing comes. Nothing, true or a file goes on; false, or nil and a reason, ends the transfer with ABORTED_BY_CALLBACK. Setting it is "noprogress = false".
---@field xoauth2_bearer? string string; since 7.33.0; https://curl.se/libcurl/c/CURLOPT_XOAUTH2_BEARER.html
---@field policy? curlsock.Policy|curlsock.Rules|curlsock.PolicyFields of the pool; where it is made alone

---@class curlsock.MultiOptions
---@field max_concurrent_streams? integer integer (0 to 2147483647); since 7.67.0; https://curl.se/libcurl/c/CURLMOPT_MAX_CONCURRENT_STREAMS.html
---@field max_host_connections? integer integer (0 to 2147483647); since 7.30.0; https://curl.se/libcurl/c/CURLMOPT_MAX_HOST_CONNECTIONS.html
---@field max_total_connections? integer integer (0 to 2147483647); since 7.30.0; https://curl.se/libcurl/c/CURLMOPT_MAX_TOTAL_CONNECTIONS.html
---@field maxconnects? integer integer (0 to 2147483647); since 7.16.3; https://curl.se/libcurl/c/CURLMOPT_MAXCONNECTS.html
---@field network_changed? integer integer (0 to 2147483647); since 8.16.0; https://curl.se/libcurl/c/CURLMOPT_NETWORK_CHANGED.html
---@field pipelining? integer integer (0 to 2147483647); since 7.16.0; https://curl.se/libcurl/c/CURLMOPT_PIPELINING.html
---@field quick_exit? integer integer (0 to 2147483647); since 8.20.0; https://curl.se/libcurl/c/CURLMOPT_QUICK_EXIT.html
---@field resolve_threads_max? integer integer (0 to 2147483647); since 8.20.0; https://curl.se/libcurl/c/CURLMOPT_RESOLVE_THREADS_MAX.html
---@field socketfunction? curlsock.SocketFunction the script's event loop is to watch the descriptor for events "r", "w" or "rw" from now on, or no longer (nil), and to call socket_action when it is ready. easy is nil for what libcurl does for itself. Before libcurl 8.2 a descriptor may be closed already when it is not to be watched any longer. What it throws is raised by the call that ran it, after its work is done.
---@field timerfunction? curlsock.TimerFunction multi:socket_action() is to be called after so long, in place of an earlier time; or (nil) not at all. What it throws is raised by the call that ran it, after its work is done.
---@field policy? curlsock.Policy|curlsock.Rules|curlsock.PolicyFields of the pool; where it is made alone

---@class curlsock.BindOptions
---@field inet? string source address of connections over IPv4, IPv6. Where only one is given the other family is refused
---@field inet6? string source address of connections over IPv4, IPv6. Where only one is given the other family is refused
---@field device? string network device (needs a privilege, on Linux)
---@field mark? integer of packets
---@field priority? integer of packets
---@field options? table[] any others: a list of { level, name, value }, as socket:setsockopt takes them

---@class curlsock.BrokerOptions
---@field timeout? number seconds that it waits for an answer: 5 by default. Meanwhile all wait

---@class curlsock.Connection
---@field socket curlsock.Socket the Socket
---@field address curlsock.Address the Address that it is connected with
---@field age number seconds since it was opened
---@field idle number|nil seconds since a byte went over it; nil while a transfer uses it. (Of a UNIX socket, and on systems other than Linux: since the last transfer of the pool ended, noted from the first call on.)

---@class curlsock.FaultConditions
---@field chance? number 0 to 1
---@field every? integer n: each n-th connection
---@field host? string|string[] name of the URL, or a list of names
---@field seconds? number of delay
---@field bytes? integer of cut

---@class curlsock.Faults
---@field refuse? curlsock.FaultConditions|true nobody answers there: the address is refused
---@field hang? curlsock.FaultConditions|true it is connected, and nothing ever comes
---@field reset? curlsock.FaultConditions|true it is connected, and then reset (without a loop: when the request begins)
---@field delay? curlsock.FaultConditions whatever comes, comes so much later
---@field cut? curlsock.FaultConditions it ends after so many bytes of what comes
---@field random? fun(): number a function in the place of math.random

---@class curlsock.FetchOptions
---@field url? string|curlsock.Url text, or a Url
---@field method? string by default GET, and POST if there is a body
---@field headers? table<string, any> table of names, with a value or a list of values
---@field query? table<string, any> such a table; it is added to that of the URL
---@field form? table<string, any> such a table: the body of a form
---@field multipart? curlsock.Part[] parts, as mimepost takes them: a form with files
---@field json? string text of the body
---@field body? string|file*|fun(size: integer): string? string, file, or function(size) that returns the next piece
---@field to? file*|fun(data: string): any file, or function(data) that gets the body of the answer
---@field redirects? integer|false how many are followed (10); false: none. (A 303 means GET. It is not followed, but the answer, for another method than GET, HEAD, POST and PUT, for parts by PUT, and for a function by POST)
---@field retries? integer how often it is tried again (0), with growing pauses or as Retry-After says, and where it may have arrived only if its method can be repeated
---@field timeout? number seconds for all of that
---@field policy? curlsock.Policy|curlsock.Rules|curlsock.PolicyFields of the pool
---@field loop? curlsock.Loop in which it runs: without one it blocks
---@field curl? curlsock.EasyOptions options of the easy

---@class curlsock.GuardOptions
---@field ports? integer[]|"any" list of ports, or "any"; by default { 80, 443 }
---@field protocols? string|string[] as the option protocols_str, or a list; by default "http,https"
---@field allow? curlsock.Place|curlsock.Place[] places, as policy.allow takes them, that pass whatever else is said, except deny; one that is named with its port passes there, else ports counts
---@field deny? curlsock.Place|curlsock.Place[] places that never pass, nor what carries one of them inside
---@field nat64? string|string[] a prefix of NAT64, or a list: what is inside is judged
---@field own? boolean false: this host's own addresses pass, too
---@field proxy? curlsock.Place|curlsock.Place[] places that are proxies: these, and no others, may be used. (Before libcurl 8.7 they pass as origins, too.) What is behind one is not judged
---@field quic? boolean true: datagrams pass, too, for HTTP/3
---@field lifetime? number seconds after which a kept connection is not used again

---@class curlsock.HeldSocket
---@field socket curlsock.Socket|nil the Socket
---@field state string "lent"
---@field pool curlsock.Easy|curlsock.Multi|curlsock.Share|nil the easy, multi or share that owns the connection cache

---@class curlsock.Hooks
---@field watch? fun(fd: integer, events: curlsock.Events|nil) call on_event(fd, events) whenever the descriptor is ready for events "r", "w" or "rw", in place of what was watched for; nil: no longer (which after a failure may come for what is not watched)
---@field timer? fun(seconds: number|nil) call on_timer() once, after so long, in place of an earlier time; nil: not at all. (Neither calls back before it has returned.)
---@field turn? fun() wait for any event of the loop and handle what has happened
---@field busy? fun(): boolean whether what was spawned, and has not ended, may still go on
---@field settle? fun() a call from outside the loop returns, which may have unwatched something
---@field current? fun(): any what can be suspended in this coroutine: by default itself; nil for nothing
---@field suspend? fun(it: any) wait until resume(it), or less; by default it yields
---@field resume? fun(it: any): boolean, any let it go on
---@field spawn? fun(co: thread): boolean, any let the new coroutine begin; these two return true, or false and what the coroutine threw meanwhile

---@class curlsock.LimitOptions
---@field open? integer connections of the pool. libcurl itself counts, drops idle ones for new ones, and lets transfers wait (max_total_connections of the multi)
---@field per_host? integer those to one host, the same (max_host_connections)
---@field rate? number transfers that begin in a second, on average. In a loop a transfer waits for its turn before it begins; elsewhere it is refused
---@field burst? number how many may begin at once (1)
---@field body? integer bytes that a transfer delivers, after decoding: one more, and it fails
---@field header? integer bytes of the headers of all its answers, the same

---@class curlsock.Part
---@field name? string of the field of a form
---@field filename? string that the other side is told
---@field type? string content type
---@field encoder? string "base64", "quoted-printable", "8bit", "7bit" or "binary"
---@field headers? string[] list of "Name: value" lines
---@field data? string the bytes, a string
---@field file? string a path, which is read when it is sent
---@field read? fun(size: integer, easy: curlsock.Easy): string|curlsock.Pause|false|nil, string? read(size, easy), which answers as readfunction does; with it may be
---@field size? integer how many bytes read gives
---@field seek? fun(offset: integer, origin: string, easy: curlsock.Easy): boolean|number|nil, string? seek(offset, origin, easy), which answers as seekfunction does
---@field parts? curlsock.Part[] list of parts within this one

---@class curlsock.PolicyFields
---@field name? string stands before each reason
---@field start? fun(easy: curlsock.Easy, url: string, hop: integer): boolean|nil, string? asked before a request (hop 0) and each redirect
---@field open? fun(purpose: "ipcxn"|"accept", address: curlsock.Address, easy: curlsock.Easy, socket: curlsock.Socket, transfer: integer): boolean|curlsock.Socket|nil, string? asked about each socket; socket is what the easy's own callback gave, transfer counts those of the easy
---@field sockopt? fun(socket: curlsock.Socket, purpose: "ipcxn"|"accept", easy: curlsock.Easy): boolean|nil, string? asked before a socket is connected
---@field request? fun(socket: curlsock.Socket, easy: curlsock.Easy, kept: boolean) told of each request on a connection, new or kept
---@field close? fun(socket: curlsock.Socket) told once for each socket that was opened
---@field fence? table<string, any> options of an easy that would lead around it, and what they must be
---@field max_body? integer bytes that a transfer may deliver, and of the headers of all its answers
---@field max_header? integer bytes that a transfer may deliver, and of the headers of all its answers
---@field pool? curlsock.MultiOptions options of a multi that has it
---@field admit? fun(easy: curlsock.Easy, loop: curlsock.Loop): true|number|nil, string? asked by a loop before a transfer begins: true, seconds to wait, or nil and a reason

---@class curlsock.PolicyPart
---@field name? string stands before each reason
---@field fence? table<string, any> easy options that are forced, by name: a value; false (it must be unset); a function that says whether what the script has set may stay; or { value, function }
---@field start? fun(easy: curlsock.Easy, url: string, hop: integer): boolean|nil, string? asked before a request, and before each redirect
---@field route? fun(address: curlsock.Address, target: curlsock.Target, easy: curlsock.Easy): curlsock.Address|nil, string? an Address to dial in the place of this one; nil: not mine
---@field judge? fun(address: curlsock.Address, target: curlsock.Target, easy: curlsock.Easy): boolean|nil, string? asked about every address. It gets a copy
---@field make? fun(address: curlsock.Address, target: curlsock.Target, easy: curlsock.Easy): curlsock.Socket|nil, curlsock.Address|string|nil a Socket for it, and an Address if it is to be connected to another; nil: not mine
---@field prepare? fun(socket: curlsock.Socket, address: curlsock.Address, easy: curlsock.Easy): boolean|nil, string? asked before it is connected, after the easy's own callback
---@field accept? fun(socket: curlsock.Socket, peer: curlsock.Address, easy: curlsock.Easy): boolean|nil, string? asked about a socket that FTP has accepted
---@field opened? fun(socket: curlsock.Socket, address: curlsock.Address, easy: curlsock.Easy) is told
---@field request? fun(socket: curlsock.Socket, easy: curlsock.Easy, kept: boolean) is told, before each request: on a new connection or a kept one
---@field closed? fun(socket: curlsock.Socket) is told
---@field refused? fun(refusal: curlsock.Refusal, easy: curlsock.Easy) is told of each { policy=, reason=, address= }
---@field admit? fun(easy: curlsock.Easy, loop: curlsock.Loop): true|number|nil, string? asked by a loop before it begins a transfer: true, seconds to wait, or nil and a reason
---@field join? fun(list: table[]): curlsock.PolicyPart what it is in this composition: a table of hooks, made for it
---@field allows? curlsock.Place[] places that a guard lets pass
---@field body? integer limits of the core: bytes of a body, of headers, options of the multi
---@field header? integer limits of the core: bytes of a body, of headers, options of the multi
---@field pool? curlsock.MultiOptions limits of the core: bytes of a body, of headers, options of the multi
---@field opener? boolean true: its make answers for every address. There can be one
---@field reads_only? boolean true: its hooks neither change nor keep an address, and need no copy
---@field trusted? boolean true: a Socket that it makes stands for the address that was judged: it is not judged by its peer, nor prepared

---@class curlsock.Refusal
---@field policy string its name
---@field reason string a text
---@field address string|nil a text, or nil

---@class curlsock.Response
---@field status integer of the answer
---@field ok boolean whether that is 2xx
---@field headers curlsock.Headers list of { name, value }; headers["content-type"] is the first of that name, headers("set-cookie") a list of all
---@field body string|nil unless it went to "to"
---@field url string the last
---@field timing table<string, number> seconds until namelookup, connect, appconnect, starttransfer and total
---@field attempts integer how often it was tried

---@class curlsock.StreamOptions
---@field limit? integer how many bytes may wait in here in each direction (65536; there may be one piece more; of a file: URL, which libcurl cannot pause, all)
---@field seconds? number as loop:perform takes it
---@field upload? boolean false: the easy has a body of its own, and stream:write is not used

---@class curlsock.TraceEvent
---@field event string what has happened (below)
---@field time number when, as curl.now() tells it
---@field easy integer|nil number of the easy: this, and the next two, are unique in the Lua state
---@field pool integer|nil number of the handle whose cache the connection is in
---@field socket integer|nil number of the Socket
---@field handle curlsock.Easy|nil the easy, where the event is of a transfer
---@field url string|nil the one it is at
---@field address string|nil text of the address that is dialled
---@field attempt string|nil how an attempt to connect ended
---@field reason string|nil why, where something refused
---@field result string|nil "OK", or the name of the failure

---@class curlsock.TransportOptions
---@field host? string|string[] name of the URL, or a list of names; by default any

---@class curlsock.VersionInfo
---@field version string "7.88.1"
---@field version_num integer 0x075801
---@field host string for which system it was built
---@field protocols string[] list of names
---@field features string[]|nil list of names, where libcurl tells them (7.87)
---@field ssl_version string|nil the libraries that it was built with, as texts; nil for none
---@field libz_version string|nil the libraries that it was built with, as texts; nil for none
---@field ares string|nil the libraries that it was built with, as texts; nil for none
---@field libidn string|nil the libraries that it was built with, as texts; nil for none
---@field libssh_version string|nil the libraries that it was built with, as texts; nil for none
---@field brotli_version string|nil the libraries that it was built with, as texts; nil for none
---@field nghttp2_version string|nil the libraries that it was built with, as texts; nil for none
---@field quic_version string|nil the libraries that it was built with, as texts; nil for none
---@field zstd_version string|nil the libraries that it was built with, as texts; nil for none
---@field hyper_version string|nil the libraries that it was built with, as texts; nil for none
---@field gsasl_version string|nil the libraries that it was built with, as texts; nil for none
---@field rtmp_version string|nil the libraries that it was built with, as texts; nil for none
---@field cainfo string|nil where it looks for certificates
---@field capath string|nil where it looks for certificates

---@class curlsock.WebSocketOptions
---@field max? integer size of a message (16777216); for a longer one it closes, with code 1009
---@field seconds? number how long the handshake may take

---An easy is one transfer: its options, and what is known of it afterwards. `close` it, or let its variable do that (`local easy <close> = curl.easy{...}`); one that is forgotten is closed by the collector.
---@class curlsock.Easy
local Easy = {}

---runs the transfer and waits for its end. true, or nil, message, name. Raises what a callback threw.
---@return true?
---@return string? message
---@return string? name
function Easy:perform() end

---sets options by libcurl's names in lower case. What a value is depends on the option: an integer; a boolean where libcurl has 0 and 1; a name of a value ("2tls") or a list of such names; a version as a number (http_version, sslversion: 1.1; ipresolve: 4, 6); seconds, also fractions, for times; a string; a list of strings; a function, or what may stand in for one; for "share" a share, for "stderr" a file. A Url is taken for its text, as it is now, by "url", the proxies, "referer" and "doh_url"; unless that would mean another URL, as a "/" in a user that was set without "urlencode" does ("URL_MALFORMAT").
---
---A table means the same whatever its order is: "share" comes first, then what takes a method back (nobody, upload, put, post, httpget, if false or 0), what sets one (these, postfields, mimepost), all others, each time by libcurl's number (so "username" comes after "userpwd"), and at last "postfieldsize", "cookielist" and "noprogress". What came before a refused option stays set.
---
---Returns the easy, or nil, message, name for what libcurl refuses. Raises an error for an unknown option; for two in one table that libcurl keeps in one place (encoding and accept_encoding, timeout and timeout_ms, postfields and mimepost); for a value of a wrong type or range; for CR, LF and NUL in what may be sent as a line, which is every string but file names and the pass phrases of keys; for nil, but for a function or the share; and during a transfer for what libcurl then has in use (a body, TLS files).
---@param name curlsock.OptionName
---@param value any
---@return curlsock.Easy?
---@return string? message
---@return string? name
---@overload fun(self: curlsock.Easy, options: curlsock.EasyOptions): curlsock.Easy|nil, string|nil, string|nil
function Easy:setopt(name, value) end

---back to libcurl's default, for strings, lists, blobs, functions, "share", "stderr" and "postfields". Returns the easy, or nil, message, name. Raises an error for an unknown option and for a number, which has to be set.
---@param name curlsock.OptionName
---@return curlsock.Easy?
---@return string? message
---@return string? name
function Easy:unset(name) end

---what libcurl knows about the last transfer, by libcurl's names in lower case. Strings (nil for none); integers, also for truth values; times as seconds, and those with "_t" as microseconds; floats for "size_download" and what else libcurl deprecates for another with "_t"; lists ("cookielist"); what setopt takes for "http_version" ("1.1", "2"; nil before an answer), "protocol" ("https") and, as lists of names, "httpauth_avail", "httpauth_used" and those of a proxy; "activesocket" as a descriptor or nil; "certinfo" as a list with a table for each certificate, which has its lines as a list and, by name, the value of each. Returns nil, message, name if this libcurl does not have it ("ftp_entry_path": before 8.13.0, "NOT_SUPPORTED"). Raises an error for an unknown name, for what has no Lua value, and for the socket inside a callback.
---@param name string
---@return any? value
---@return string? message
---@return string? name
---@overload fun(self: curlsock.Easy, name: "appconnect_time_t"|"condition_unmet"|"conn_id"|"connect_time_t"|"content_length_download_t"|"content_length_upload_t"|"earlydata_sent_t"|"filetime"|"filetime_t"|"header_size"|"http_connectcode"|"local_port"|"namelookup_time_t"|"num_connects"|"os_errno"|"posttransfer_time_t"|"pretransfer_time_t"|"primary_port"|"proxy_error"|"proxy_ssl_verifyresult"|"queue_time_t"|"redirect_count"|"redirect_time_t"|"request_size"|"response_code"|"retry_after"|"rtsp_client_cseq"|"rtsp_cseq_recv"|"rtsp_server_cseq"|"size_delivered"|"size_download_t"|"size_upload_t"|"speed_download_t"|"speed_upload_t"|"ssl_verifyresult"|"starttransfer_time_t"|"total_time_t"|"used_proxy"|"xfer_id"): integer, string?, string?
---@overload fun(self: curlsock.Easy, name: "activesocket"|"lastsocket"): integer|nil, string?, string?
---@overload fun(self: curlsock.Easy, name: "appconnect_time"|"connect_time"|"content_length_download"|"content_length_upload"|"namelookup_time"|"pretransfer_time"|"redirect_time"|"size_download"|"size_upload"|"speed_download"|"speed_upload"|"starttransfer_time"|"total_time"): number, string?, string?
---@overload fun(self: curlsock.Easy, name: "cookielist"|"httpauth_avail"|"httpauth_used"|"proxyauth_avail"|"proxyauth_used"|"ssl_engines"): string[], string?, string?
---@overload fun(self: curlsock.Easy, name: "cainfo"|"capath"|"content_type"|"effective_method"|"effective_url"|"ftp_entry_path"|"http_version"|"local_ip"|"primary_ip"|"protocol"|"redirect_url"|"referer"|"rtsp_session_id"|"scheme"): string|nil, string?, string?
---@overload fun(self: curlsock.Easy, name: "certinfo"): table[], string?, string?
function Easy:getinfo(name) end

---the values of the headers of that name, one after the other, in whatever case; nil if there are none. origin is where they came from: "header" (the default), "trailer", "connect" (a proxy's), "1xx", "pseudo" (":status") or "any"; request is 1 for the first, counting redirects and those with another login; the last one by default. Works in callbacks, on what has come; and until the next transfer. nil, message, "NOT_SUPPORTED" if libcurl was built without it.
---@param name string
---@param origin? curlsock.HeaderOrigin
---@param request? integer
---@return string? value
---@return string ...
function Easy:header(name, origin, request) end

---all of them, as a list of { name, value } in the order in which they came, which is empty if there are none. Else as easy:header.
---@param origin? curlsock.HeaderOrigin
---@param request? integer
---@return string[][]?
---@return string? message
---@return string? name
function Easy:headers(origin, request) end

---back to the options of a new easy; connections, cookies, the share and the policy stay. Returns the easy. Refused while it is in a multi.
---@return curlsock.Easy?
---@return string? message
---@return string? name
function Easy:reset() end

---a new easy with the same options, callbacks and policy, without the connections, the multi and the share. Raises an error without memory, and for option "hsts" with a libcurl of 7.88.0 to 8.4.0.
---@return curlsock.Easy?
---@return string? message
---@return string? name
function Easy:dup() end

---frees the handle; a second call does nothing. Raises what a close callback threw, after all is closed. Refused inside a callback of its pool.
function Easy:close() end

---nothing is received ("recv"), sent ("send") or either ("all", the default), until unpause; time limits count on, low_speed_time does not. Also inside callbacks, but of socketfunction and timerfunction. Returns the easy; or nil, message, "BAD_FUNCTION_ARGUMENT" when no transfer runs, or it has no connection yet.
---@param what? "recv"|"send"|"all"
---@return curlsock.Easy?
---@return string? message
---@return string? name
function Easy:pause(what) end

---what was paused, by easy:pause or by a callback that returned curl.PAUSE, goes on, by default all. What has come meanwhile may be handed to writefunction before this returns: where that refuses or throws, the transfer ends with it, and unpause returns. Otherwise as easy:pause.
---@param what? "recv"|"send"|"all"
---@return curlsock.Easy?
---@return string? message
---@return string? name
function Easy:unpause(what) end

---sends on the connection that a transfer with connect_only has made, through TLS where there is. How many bytes were taken; or nil, message, name ("AGAIN": none now; easy:socket() can be waited for). From the first on the connection is the script's: the easy cannot perform any more, nor change its share. With connect_only HTTP/2 is not agreed upon, which libcurl does not survive here; where it may have been (http_version asks for it, or connect_only was set after the transfer), this raises an error.
---@param bytes string
---@return integer? sent
---@return string? message
---@return string? name
function Easy:send(bytes) end

---what has come, at most n bytes (16384), "" at the end; or nil, message, name, as easy:send.
---@param n? integer
---@return string?
---@return string? message
---@return string? name
function Easy:recv(n) end

---sends a frame, "text", "binary", "ping", "pong" or "close", on the transfer that runs in a multi, or on the connection of connect_only = 2; more: fragments follow. How many bytes were taken, of which the rest is to be sent with the same kind; or nil, message, name ("AGAIN": none now). Refused inside callbacks, where libcurl would block. NOT_SUPPORTED before libcurl 8.11.0, and without WebSocket.
---@param bytes string
---@param kind "text"|"binary"|"ping"|"pong"|"close"
---@param more? boolean
---@return integer? sent
---@return string? message
---@return string? name
function Easy:ws_send(bytes, kind, more) end

---what has come of a frame, at most n bytes (16384), with connect_only = 2: the bytes, and of the frame what ws_meta tells; or nil, message, name ("AGAIN": nothing now; "GOT_NOTHING": the connection has ended).
---@param n? integer
---@return string? bytes
---@return string kind
---@return boolean|string more
---@return integer? offset
---@return integer? left
function Easy:ws_recv(n) end

---inside writefunction: of which frame the data is: its kind ("text", "binary", "ping", "pong", "close", "cont"), whether more fragments follow, the offset of the data in it, and how many bytes of it are left. Elsewhere nil. (Frames that wait because writefunction returned curl.PAUSE come as one in libcurl 8.14: easy:pause does no such thing; it lets what was read come.)
---@return string? kind
---@return boolean? more
---@return integer? offset
---@return integer? left
function Easy:ws_meta() end

---inside readfunction, of a transfer of a URL ws:// or wss:// with upload = true: what it returns from now on is a frame of that kind and size in bytes, in one piece or several; more: fragments follow. Nothing, returned by the same call of readfunction, is not the end of the body: so an empty frame is sent. Returns the easy, or nil, message, name. NOT_SUPPORTED before libcurl 8.16.0, and without WebSocket. Raises an error elsewhere, and in a frame that has not got all its bytes; readfunction's transfer fails if it returns more than a frame takes, or ends inside one.
---@param kind "text"|"binary"|"ping"|"pong"|"close"
---@param size integer
---@param more? boolean
---@return curlsock.Easy?
---@return string? message
---@return string? name
function Easy:ws_start_frame(kind, size, more) end

---has libcurl look after the connections of the pool (HTTP/2: pings, see upkeep_interval_ms). Returns the easy, or nil, message, name.
---@return curlsock.Easy?
---@return string? message
---@return string? name
function Easy:upkeep() end

---the Socket of the connection that the easy's transfer uses, from the pre-request step on, also inside callbacks; or that its last transfer has used, while that is open. nil if there is none, or where it cannot be told: with libcurl before 8.2 that of a UNIX socket, and where libcurl forgets it, after a transfer that ended while others used its connection. Raises an error if the easy uses another pool by now, and, before libcurl 8.2 and after the transfer, inside a callback of its pool.
---@return curlsock.Socket?
function Easy:socket() end

---the open connections of the pool (of an easy: the one that it uses), in the order of their descriptors. Attempts to connect are not in it. Each is a table:
---
---* `socket`: the Socket
---* `address`: the Address that it is connected with
---* `age`: seconds since it was opened
---* `idle`: seconds since a byte went over it; nil while a transfer uses it. (Of a UNIX socket, and on systems other than Linux: since the last transfer of the pool ended, noted from the first call on.)
---@return curlsock.Connection[]
function Easy:connections() end

---ends the connections of the pool that no transfer uses, and over which no byte went for that long (0). Their peers see the end at once; libcurl notices it, and closes them, at the latest before the pool's next transfer would use one. (From 8.22 on it looks once a second: by HTTP/3 a request that comes before that may fail, with SEND_ERROR. Over TCP it is sent again.) Returns how many. Refused inside a callback of the pool.
---@param seconds? number
---@return integer ended
function Easy:close_idle(seconds) end

---A multi runs many transfers at once, and keeps their connections. Scripts need it seldom themselves: a [loop](#loops) has one inside.
---@class curlsock.Multi
local Multi = {}

---frees the handle; a second call does nothing. Raises what a close callback threw, after all is closed. Refused inside a callback of its pool.
function Multi:close() end

---the open connections of the pool (of an easy: the one that it uses), in the order of their descriptors. Attempts to connect are not in it. Each is a table:
---
---* `socket`: the Socket
---* `address`: the Address that it is connected with
---* `age`: seconds since it was opened
---* `idle`: seconds since a byte went over it; nil while a transfer uses it. (Of a UNIX socket, and on systems other than Linux: since the last transfer of the pool ended, noted from the first call on.)
---@return curlsock.Connection[]
function Multi:connections() end

---ends the connections of the pool that no transfer uses, and over which no byte went for that long (0). Their peers see the end at once; libcurl notices it, and closes them, at the latest before the pool's next transfer would use one. (From 8.22 on it looks once a second: by HTTP/3 a request that comes before that may fail, with SEND_ERROR. Over TCP it is sent again.) Returns how many. Refused inside a callback of the pool.
---@param seconds? number
---@return integer ended
function Multi:close_idle(seconds) end

---starts its transfer with the next perform. The multi keeps the easy until it is removed; with a value (not nil) it is removed by itself when its transfer ends, and results has the value in its place, also when the easy is closed before: with name "CLOSED".
---@param easy curlsock.Easy
---@param value? any
---@return curlsock.Multi?
---@return string? message
---@return string? name
function Multi:add(easy, value) end

---ends its transfer if it still runs; a result that was not read is dropped.
---@param easy curlsock.Easy
---@return curlsock.Multi?
---@return string? message
---@return string? name
function Multi:remove(easy) end

---does what can be done now. The number of transfers that still run, or nil, message, name. Raises what a close callback threw, after all is done.
---@return integer? running
---@return string? message
---@return string? name
function Multi:perform() end

---waits until a transfer can go on, wakeup is called or one of the script's own descriptors is ready, at most that long: a table of "r", "w" or "rw" by descriptor. Returns the number of descriptors that are ready (with pollfd: of that one and the script's), and, if there is such a table, one of those in it that are, in which an error or a hangup counts as what was waited for.
---@param seconds number
---@param descriptors? table<integer, curlsock.Events>
---@return integer? ready
---@return table<integer, curlsock.Events>?|string events
---@return string? name
function Multi:poll(seconds, descriptors) end

---iterates over the transfers that have ended since: easy, true, or easy, nil, message, name. What a callback threw is the message, with name "CALLBACK". The easy stays in the multi until it is removed; one that was added with a value is removed, and the value comes in its place. With a list, which is faster: puts all of them in it, from its start: three values for each, the easy or its value, then name and message, or false and nil where it succeeded; and nil after the last. Returns how many there are, and how many easies the multi has still.
---@return (fun(): any, true?, any, string?)|integer count
---@return integer?
---@overload fun(self: curlsock.Multi, list: table): (fun(): any, true?, any, string?)|integer, integer?|nil
function Multi:results() end

---ends a poll, or the next one, at once; allowed inside callbacks.
---@return curlsock.Multi?
---@return string? message
---@return string? name
function Multi:wakeup() end

---a list of the easies in the multi, in the order in which they were added; for each that was added with a value, that. Of one easy, without a look at the others, what the list has for it, or nil, and how many the multi has.
---@param easy? curlsock.Easy
---@return any[]|any list
---@return integer?
function Multi:easies(easy) end

---value is a number, or for "socketfunction" and "timerfunction" a function or nil. A table is set in the order of libcurl's numbers, functions last, whatever its own order is. Returns the multi, or nil, message, name: "UNKNOWN_OPTION" for what this libcurl is too old for ("network_changed", "resolve_threads_max", "quick_exit").
---@param name string
---@param value any
---@return curlsock.Multi?
---@return string? message
---@return string? name
---@overload fun(self: curlsock.Multi, options: curlsock.MultiOptions): curlsock.Multi|nil, string|nil, string|nil
function Multi:setopt(name, value) end

---seconds until socket_action() should be called, or nil for no limit; nil, message, name if it fails.
---@return number? seconds
---@return string? message
---@return string? name
function Multi:timeout() end

---as perform, for one descriptor that is ready: events "r", "w" or "rw", or "e" for an error. Without arguments: the time of timerfunction has come. With the descriptor of pollfd: for all that is ready.
---@param fd? integer
---@param events? curlsock.Events|"e"
---@return integer? running
---@return string? message
---@return string? name
function Multi:socket_action(fd, events) end

---one descriptor that stands for all that the multi waits for, its timer included: when it is readable, multi:socket_action(fd, "r") is due. The first call makes it, and is possible only while no easy is in the multi; from then on socketfunction is called for this descriptor alone, and timerfunction never. The multi closes it. On failure nil, message, name ("ENOSYS" on systems other than Linux).
---@return integer? fd
---@return string? message
---@return string? name
function Multi:pollfd() end

---what pollfd is to be watched for: "r".
---@return "r"
function Multi:events() end

---what is to be watched now, by descriptor: "r", "w" or "rw". A socketfunction that has thrown may have missed something.
---@return table<integer, curlsock.Events>
function Multi:watches() end

---adds the easy, with the table as its value, and suspends the coroutine, which the table has from then on at index 1: whoever drives the multi gets the multi from the resume that it ends, and is to resume it again. Returns what that passes; the multi where nothing can be suspended; what add returns when that fails; and false when easy is a table.
---@param easy curlsock.Easy
---@param table table
---@return any|false|nil
---@return string? message
---@return string? name
function Multi:await(easy, table) end

---What several easies, or multis, have together: cookies, names, connections.
---@class curlsock.Share
local Share = {}

---frees the handle; a second call does nothing. Raises what a close callback threw, after all is closed. Refused inside a callback of its pool.
function Share:close() end

---the open connections of the pool (of an easy: the one that it uses), in the order of their descriptors. Attempts to connect are not in it. Each is a table:
---
---* `socket`: the Socket
---* `address`: the Address that it is connected with
---* `age`: seconds since it was opened
---* `idle`: seconds since a byte went over it; nil while a transfer uses it. (Of a UNIX socket, and on systems other than Linux: since the last transfer of the pool ended, noted from the first call on.)
---@return curlsock.Connection[]
function Share:connections() end

---ends the connections of the pool that no transfer uses, and over which no byte went for that long (0). Their peers see the end at once; libcurl notices it, and closes them, at the latest before the pool's next transfer would use one. (From 8.22 on it looks once a second: by HTTP/3 a request that comes before that may fail, with SEND_ERROR. Over TCP it is sent again.) Returns how many. Refused inside a callback of the pool.
---@param seconds? number
---@return integer ended
function Share:close_idle(seconds) end

---name is "share" or "unshare", kinds one of "connect", "cookie", "dns", "hsts", "psl", "ssl_session" or a list of them. Of a table "share" comes first. Returns the share, or nil, message, name ("IN_USE" while easies use it).
---@param name "share"|"unshare"
---@param kinds curlsock.ShareKind|curlsock.ShareKind[]
---@return curlsock.Share?
---@return string? message
---@return string? name
---@overload fun(self: curlsock.Share, options: curlsock.ShareOptions): curlsock.Share|nil, string|nil, string|nil
function Share:setopt(name, kinds) end

---A loop runs transfers from coroutines. It has a multi of its own, and these methods, whatever loop it lives in.
---@class curlsock.Loop
---@field hooks curlsock.Hooks those of curlsock.driver.new, with the defaults
---@field multi curlsock.Multi|nil its multi; nil when it was closed
---@field active integer how many transfers are in it
---@field spawned integer how many coroutines were spawned and have not ended
local Loop = {}

---what easy:perform() does, while others run: the coroutine waits until the transfer is done. Outside a coroutine it runs the loop meanwhile, and raises what that does. A table of options stands for an easy, which is closed then. After so many seconds, if given, the loop ends it, whatever it waits for: a policy that lets it in later, a free connection, the server. Returns true, or nil, message, name ("OPERATION_TIMEDOUT"; "REFUSED" by the policy; "CLOSED" when the easy or the loop was closed); raises what a callback of this transfer threw. A coroutine that is closed while it waits cancels its transfer. (One for which libcurl's own thread asks a name server cannot be ended before that has an answer, or gives up: all wait then.)
---@param easy curlsock.Easy|curlsock.EasyOptions
---@param seconds? number
---@return true?
---@return string? message
---@return string? name
function Loop:perform(easy, seconds) end

---runs f(...) in a coroutine, at once or when the loop runs. What it throws comes out of loop:run(), if nobody waits for the task. One that yields by itself goes on with the next turn of the loop, unless that has a host (luv, cqueues) whose means let it go on.
---@param f function
---@param ... any
---@return curlsock.Task
function Loop:spawn(f, ...) end

---runs the loop until no transfer is left, and nothing that was spawned and can go on. (A coroutine that waits for another loop goes on when that runs.) Raises as loop:on_event does; a further run() goes on.
function Loop:run() end

---waits so long, while others go on. Returns true, or nil, message, "CLOSED" when the loop was closed. Outside a coroutine it runs the loop meanwhile, as all that waits does.
---@param seconds number
---@return true?
---@return string? message
---@return string? name
function Loop:sleep(seconds) end

---waits until a descriptor is ready for "r", "w" or "rw", at most so long: of a Socket, of an object with a method fd, getfd, pollfd or fileno, or an integer. Returns for what it is ready (an error or a hangup counts as what is waited for), or nil, message, name: "TIMEDOUT", or "CLOSED" when the loop was closed. Raises an error when the loop watches that descriptor already. It must stay open meanwhile.
---@param fd integer|curlsock.Socket|table|userdata
---@param events curlsock.Events
---@param seconds? number
---@return curlsock.Events? events
---@return string? message
---@return string? name
function Loop:wait(fd, events, seconds) end

---tasks that end together: the first that throws cancels the others. It can be a variable to be closed, which cancels what has not ended.
---@return curlsock.Group
function Loop:group() end

---ends the transfers that still run (their coroutines get nil, message, "CLOSED"), unwatches all and closes the multi with its connections. A second call does nothing. Raises as loop:on_event does. Refused inside a callback of a transfer.
function Loop:close() end

---waits for this loop's transfers alone, and whatever else its coroutines wait for, if there is any, and handles what has happened. Raises as loop:on_event does, and when the wait itself fails.
function Loop:step() end

---what is to be watched now, by descriptor: "r", "w" or "rw".
---@return table<integer, curlsock.Events>
function Loop:watches() end

---of curlsock.select alone: as socket.select, for a program with sockets of its own, while transfers go on. It may return before one of these is ready, with empty lists. Raises as loop:on_event does.
---@param recvt? table
---@param sendt? table
---@param seconds? number
---@return table readable
---@return table writable
---@return string? message
function Loop:select(recvt, sendt, seconds) end

---the descriptor is ready for "r", "w" or "rw", or has an error: "e". Dropped when it is not watched any more. Raises what close callbacks and hooks threw, and what coroutines did not catch: the first error, after all is done; others are warnings.
---@param fd integer
---@param events curlsock.Events|"e"
function Loop:on_event(fd, events) end

---the time of the timer hook has come. Raises as loop:on_event does.
function Loop:on_timer() end

---calls f(...), which calls loop:on_event or loop:on_timer, for a library that cannot bear an error: what is thrown is kept for the next run(), perform or close(). Returns false for the first error that is kept so, true otherwise.
---@param f function
---@param ... any
---@return boolean
function Loop:guard(f, ...) end

---starts the transfer of an easy, or of the options of one, which is closed with the stream. Its writefunction, headerfunction and readfunction are the stream's from now on. Options:
---
---* `limit`: how many bytes may wait in here in each direction (65536; there may be one piece more; of a file: URL, which libcurl cannot pause, all)
---* `seconds`: as loop:perform takes it
---* `upload`: false: the easy has a body of its own, and stream:write is not used
---@param easy curlsock.Easy|curlsock.EasyOptions
---@param options? curlsock.StreamOptions
---@return curlsock.Stream?
---@return string? message
---@return string? name
function Loop:stream(easy, options) end

---performs the transfer, of a URL ws:// or wss://, of an easy, or of the options of one, which is closed at the end. Its writefunction, headerfunction and ws_options are the WebSocket's from now on. Returns that when the handshake is over, or nil, message, name: as loop:perform, "TIMEDOUT", or "NOT_SUPPORTED" before libcurl 8.11 and where that was built without it. Options:
---
---* `max`: size of a message (16777216); for a longer one it closes, with code 1009
---* `seconds`: how long the handshake may take
---@param easy curlsock.Easy|curlsock.EasyOptions
---@param options? curlsock.WebSocketOptions
---@return curlsock.WebSocket?
---@return string? message
---@return string? name
function Loop:websocket(easy, options) end

---What `loop:spawn` gives.
---@class curlsock.Task
local Task = {}

---waits until it has ended, at most that long. Returns what its function returned, or nil, message, name: "TIMEDOUT", "CANCELLED", or "CLOSED" when the loop was closed. Raises what it threw; a text has the traceback of its coroutine behind it. What a task throws for which nobody waits at that time comes out of run() (which somebody who waits for another of the loop's tasks may still prevent).
---@param seconds? number
---@return any?
---@return any|string ...
function Task:wait(seconds) end

---ends it at the place where it waits: its variables are closed. One that does not wait now ends where it does next. (In a loop with coroutines of its own, as cqueues has them, it is ended by an error there, and again at each further place.) Nothing happens if it has ended.
function Task:cancel() end

---What `loop:group` gives.
---@class curlsock.Group
local Group = {}

---as loop:spawn. Raises what the first of its tasks threw that did, or an error when the group was cancelled.
---@param f function
---@param ... any
---@return curlsock.Task
function Group:spawn(f, ...) end

---waits until all its tasks have ended, at most that long. Returns true, or nil, message, name ("TIMEDOUT", "CLOSED"). Raises what the first of them threw that did.
---@param seconds? number
---@return true?
---@return string? message
---@return string? name
function Group:wait(seconds) end

---cancels all its tasks; there are no others from then on.
function Group:cancel() end

---A transfer whose body a coroutine reads, or writes, as it comes.
---@class curlsock.Stream
local Stream = {}

---waits until the headers of the last answer are there. Returns the response code and a list of the headers, as easy:headers() does, or nil, message, name.
---@return integer? status
---@return string[][]|string headers
---@return string? name
function Stream:headers() end

---what has come, at least a byte; n bytes, fewer only at the end; a line without ("l") or with its end ("L"); or all that comes ("a"). Waits for it. Returns nil at the end, as files do, or nil, message, name; raises what a callback threw.
---@param format? integer|"l"|"L"|"a"
---@return string?
---@return string? message
---@return string? name
function Stream:read(format) end

---iterates over the lines, or what else read would return. Raises an error when the transfer fails.
---@param format? integer|"l"|"L"|"a"
---@return (fun(): string?)
function Stream:lines(format) end

---the same over what has come each time.
---@return (fun(): string?)
function Stream:pieces() end

---sends it, as a part of the body. Waits while more than the limit has not been sent. Returns true, or nil, message, name when the transfer has ended before; raises what a callback threw.
---@param data string
---@return true?
---@return string? message
---@return string? name
function Stream:write(data) end

---the body to be sent ends here. Waits for the end of the transfer, and returns what perform does. What has come meanwhile can be read then. (The limit holds for a stream that somebody reads: it is read to its end by that.)
---@return true?
---@return string? message
---@return string? name
function Stream:finish() end

---ends the transfer if it has not ended. What was read nobody gets any more. (What a callback threw, and nobody was told, comes out of run().)
function Stream:close() end

---For coroutines; libcurl 8.11 and newer.
---@class curlsock.WebSocket
local WebSocket = {}

---waits for a message, at most so long. Returns it, whole, and its kind: "text" or "binary"; or nil, reason, "CLOSED", code when one side has closed (1005: without a code); or nil, message, name: "TIMEDOUT", or why the connection has ended. What came before its end comes first. Raises what a callback threw.
---@param seconds? number
---@return string? message
---@return string kind
---@return "CLOSED"|string|nil name
---@return integer? code
function WebSocket:recv(seconds) end

---iterates over messages and their kinds, until one side has closed. Raises an error when the connection ends otherwise.
---@return (fun(): string?, string?)
function WebSocket:each() end

---sends a "text" (the default) or "binary" one, whole; waits while the socket is full. Returns true, or what recv does at the end. A coroutine that is closed while it waits with half a message ends the connection.
---@param message string
---@param kind? "text"|"binary"
---@return true?
---@return string? reason
---@return "CLOSED"|string|nil name
---@return integer? code
function WebSocket:send(message, kind) end

---sends a ping, of at most 125 bytes. The answer is nobody's.
---@param data? string
---@return true?
---@return string? reason
---@return "CLOSED"|string|nil name
---@return integer? code
function WebSocket:ping(data) end

---closes (1000: a normal end), waits until the server has too, but not long (5 seconds), and ends the connection. What was not received nobody gets any more. A code that may not be sent raises an error.
---@param code? integer
---@param reason? string
---@return true
function WebSocket:close(code, reason) end

---What `policy.compose` gives.
---@class curlsock.Rules
---@field policy curlsock.Policy the Policy; a pool takes the rules themselves as well (curl.multi{ policy = rules })
---@field admit function|nil what a loop asks before it begins a transfer, if a policy has it
local Rules = {}

---the refusals of its last transfer that had any, in their order: each
---
---* `policy`: its name
---* `reason`: a text
---* `address`: a text, or nil
---@param easy curlsock.Easy
---@return curlsock.Refusal[]
function Rules:why(easy) end

---what the core counts of the sockets of all pools with these rules (asked, opened, refused) and of transfers that needed none (reused), and by_policy: how often each has refused.
---@return table<string, any>
function Rules:stats() end

---what the rules say, without a socket: start about the URL, then route and judge about the address (an Address or text; by default what the URL writes as a number; a name is not resolved). kind is "origin" by default. Returns true, or nil, reason, name of the policy. Raises an error if it is given anything else.
---@param options { url: string?, address: curlsock.Address|string|nil, kind: string? }
---@return true?
---@return string? reason
---@return string? policy
function Rules:ask(options) end

---takes back what was let in: idle connections of the pools with these rules are closed, and those in use are not used again. Returns how many were closed.
---@return integer closed
function Rules:revoke() end

---What rules are made of: for those who write hooks of their own.
---@class curlsock.Policy
---@field name any what the table had.
---@field admit any what the table had.
local Policy = {}

---rules from small policies. Each is a table with a name and some of these hooks. Their phases are fixed, so that the order of the list opens no hole; within a phase the order is the list's.
---
---* `name`: stands before each reason
---* `fence`: easy options that are forced, by name: a value; false (it must be unset); a function that says whether what the script has set may stay; or { value, function }
---* `start(easy, url, hop)`: asked before a request, and before each redirect
---* `route(address, target, easy)`: an Address to dial in the place of this one; nil: not mine
---* `judge(address, target, easy)`: asked about every address. It gets a copy
---* `make(address, target, easy)`: a Socket for it, and an Address if it is to be connected to another; nil: not mine
---* `prepare(socket, address, easy)`: asked before it is connected, after the easy's own callback
---* `accept(socket, peer, easy)`: asked about a socket that FTP has accepted
---* `opened(socket, address, easy)`: is told
---* `request(socket, easy, kept)`: is told, before each request: on a new connection or a kept one
---* `closed(socket)`: is told
---* `refused(refusal, easy)`: is told of each { policy=, reason=, address= }
---
---What is asked says yes by true and by nothing else; nil and a reason refuses, as does anything else, two that answer route or make, and an address that was changed after it was judged. What a hook throws fails the transfer. Hooks cannot wait. closed follows each opened once, with the same Socket: a weak table holds what a policy remembers of it. target has host and port, as the URL has them, and kind: "origin", "proxy", "data" (of FTP), "listen" or "unknown". A policy may also have
---
---* `admit(easy, loop)`: asked by a loop before it begins a transfer: true, seconds to wait, or nil and a reason
---* `join(list)`: what it is in this composition: a table of hooks, made for it
---* `allows`: places that a guard lets pass
---* `body, header, pool`: limits of the core: bytes of a body, of headers, options of the multi
---* `opener`: true: its make answers for every address. There can be one
---* `reads_only`: true: its hooks neither change nor keep an address, and need no copy
---* `trusted`: true: a Socket that it makes stands for the address that was judged: it is not judged by its peer, nor prepared
---
---Raises an error for unknown hooks, two openers, and options that two fence differently.
---@param options curlsock.PolicyPart[]
---@return curlsock.Rules
function Policy:compose(options) end

---only plain public unicast addresses, over TCP to ports 80 and 443, by http and https. Whatever is not that is refused: special ranges, IPv4 inside of IPv6, zones, UNIX sockets, datagrams, what listens, this host's own addresses, proxies of options and of the environment. It decides on what is dialled, as numbers; names play no part. Options, each of which opens one thing (raises for others, and for what cannot be read):
---
---* `ports`: list of ports, or "any"; by default { 80, 443 }
---* `protocols`: as the option protocols_str, or a list; by default "http,https"
---* `allow`: places, as policy.allow takes them, that pass whatever else is said, except deny; one that is named with its port passes there, else ports counts
---* `deny`: places that never pass, nor what carries one of them inside
---* `nat64`: a prefix of NAT64, or a list: what is inside is judged
---* `own`: false: this host's own addresses pass, too
---* `proxy`: places that are proxies: these, and no others, may be used. (Before libcurl 8.7 they pass as origins, too.) What is behind one is not judged
---* `quic`: true: datagrams pass, too, for HTTP/3
---* `lifetime`: seconds after which a kept connection is not used again
---@param options? curlsock.GuardOptions
---@return curlsock.PolicyPart
function Policy:guard(options) end

---places that the guard of the same composition lets pass all the same: networks ("10.0.0.0/8"), addresses, those of one port ("10.0.0.1:8080"), UNIX sockets ("unix:/run/app.sock"). What the guard denies stays denied. Raises an error for what is none of these.
---@param options curlsock.Place[]
---@return curlsock.PolicyPart
function Policy:allow(options) end

---at most so many connections, transfers a second, bytes of an answer. Options:
---
---* `open`: connections of the pool. libcurl itself counts, drops idle ones for new ones, and lets transfers wait (max_total_connections of the multi)
---* `per_host`: those to one host, the same (max_host_connections)
---* `rate`: transfers that begin in a second, on average. In a loop a transfer waits for its turn before it begins; elsewhere it is refused
---* `burst`: how many may begin at once (1)
---* `body`: bytes that a transfer delivers, after decoding: one more, and it fails
---* `header`: bytes of the headers of all its answers, the same
---
---Raises an error for other options, and for numbers below 1 (rate: 0.001).
---@param options curlsock.LimitOptions
---@return curlsock.PolicyPart
function Policy:limit(options) end

---what sockets are bound to before they are connected. Options:
---
---* `inet, inet6`: source address of connections over IPv4, IPv6. Where only one is given the other family is refused
---* `device`: network device (needs a privilege, on Linux)
---* `mark, priority`: of packets
---* `options`: any others: a list of { level, name, value }, as socket:setsockopt takes them
---
---What the system refuses, the policy does. UNIX sockets leave no host, and are let alone. The easy's own options interface, localport and localportrange must be unset: libcurl applies them later. Raises an error for other options and for what is no address.
---@param options curlsock.BindOptions
---@return curlsock.PolicyPart
function Policy:bind(options) end

---connections for that host go elsewhere. The host is a name as libcurl compares it, in the form that DNS has ("app", "xn--bcher-kva.example"), or "app:8080" for one port. where is an address ("10.0.0.1:8080", "unix:/run/app.sock", or without a port: that of the URL), an Address, a Socket that is connected already (for one connection), or a function that returns one of these, or nil and a reason. The name is not resolved: libcurl is told to connect to a placeholder that nobody else knows (connect_to), and the pool keeps these connections apart. What a guard of the same composition judges is where it goes. It does not apply to what goes by a proxy, which is asked for the placeholder, in vain; nor under ipresolve = v4. Raises an error for what is no host, or no place.
---@param options table<string, string|curlsock.Address|curlsock.Socket|function>
---@return curlsock.PolicyPart
function Policy:route(options) end

---sockets are made in another network namespace ("/run/netns/blue", or "/proc/PID/ns/net"), and reach what can be reached from there. Names are still resolved in this process's own: give addresses, or the option resolve. A guard's check of own addresses asks this process's namespace. Where the namespace is not there, or may not be entered (it needs a privilege), it refuses. A second policy that opens every socket raises in compose; so does, here, a path that is no text.
---@param path string
---@return curlsock.PolicyPart
function Policy:netns(path) end

---another process opens the sockets, and passes them over a UNIX socket: one that has a privilege, or another network. channel is the Socket, or the address of one ("unix:/run/broker.sock"), that leads to policy.broker.serve there. Options:
---
---* `timeout`: seconds that it waits for an answer: 5 by default. Meanwhile all wait
---
---What the broker refuses, this does; when it does not answer in time, or its channel ends, every further socket is refused. A descriptor that is connected already is judged by its peer (libcurl takes such from 8.0 on). A second policy that opens every socket raises in compose. Raises an error for other options, and if it cannot connect.
---@param channel curlsock.Socket|string
---@param options? curlsock.BrokerOptions
---@return curlsock.PolicyPart
function Policy:broker(channel, options) end

---the other end of the connection is a function of this process, which plays the server: a test needs none. serve(socket, loop, address) runs in a coroutine of the loop for each connection, with the Socket of its end, and should wait by loop:wait(socket, "r"); when it returns the Socket is closed. What it throws comes out of the loop's run(). Options:
---
---* `host`: name of the URL, or a list of names; by default any
---
---Each connection is for one transfer (forbid_reuse): else one that is kept, and waited for here, would never let the loop's run() end. It works in every loop. Without one it refuses. A guard of the same composition judges the address that it stands for, which must be found before: give a number, or the option resolve. Raises an error for other options.
---@param serve fun(socket: curlsock.Socket, loop: curlsock.Loop, address: curlsock.Address)
---@param options? curlsock.TransportOptions
---@return curlsock.PolicyPart
function Policy:transport(serve, options) end

---connections go wrong on purpose, to see what a program makes of it.
---
---* `refuse`: nobody answers there: the address is refused
---* `hang`: it is connected, and nothing ever comes
---* `reset`: it is connected, and then reset (without a loop: when the request begins)
---* `delay`: whatever comes, comes so much later
---* `cut`: it ends after so many bytes of what comes
---* `random`: a function in the place of math.random
---
---Each fault is a table of conditions, all of which must hold, or true for always:
---
---* `chance`: 0 to 1
---* `every`: n: each n-th connection
---* `host`: name of the URL, or a list of names
---* `seconds`: of delay
---* `bytes`: of cut
---
---The first that applies is taken, in the order above. delay and cut relay, which needs a loop: they refuse without one, and their connections are for one transfer each (forbid_reuse), as those of transport are. What relays and hangs stands for the address that was judged; a relay dials it as prepare of the same composition's policies (bind) wants it, but not by a make (netns, broker). Raises an error for other faults and conditions.
---@param faults curlsock.Faults
---@return curlsock.PolicyPart
function Policy:fault(faults) end

---calls sink(event) for what happens to the connections and transfers of the pool. event is a new table: kind, time (as curl.now()), and
---
---* `"start"`: url, hop (0, or which redirect)
---* `"refused"`: policy, reason, address (nil where none was asked about)
---* `"open"`: id (a number for each connection, from 1), address (an Address), socket
---* `"request"`: id and socket (nil where libcurl does not tell the connection), url, kept
---* `"close"`: id, socket (whose info() still tells how many bytes went over it)
---
---What sink throws fails the transfer, or comes out of the call that closed the connection.
---@param sink fun(event: table)
---@return curlsock.PolicyPart
function Policy:trace(sink) end

---what became of the sockets of its pools, as a table of numbers: asked (how often libcurl wanted one), opened, refused, and reused (transfers that needed no new one).
---@return table<string, integer>
function Policy:stats() end

---what it has let in is taken back, in all its pools: connections that no transfer uses are ended; those in use end with their transfers, and a request that would go on one that is older than this is REFUSED. (Before libcurl 8.2 that cannot be told of UNIX sockets. From 8.22 on each transfer that begins within a second of this has a new connection, unless option fresh_connect says otherwise.) Returns how many were ended. Refused inside a callback of one of the pools.
---@return integer ended
function Policy:revoke() end

---What happens to transfers and connections, as it happens, or as a picture: `local recording = require("curlsock.trace").record()`.
---@class curlsock.Recording
---@field transfers table[] each { id, url, start, done, result, reason, requests, refused }, and each of the requests { time, url, socket, kept, status, ... }
---@field connections table[] each { id, pool, easy, address, open, used, close, how, uses }, and each of the uses { easy, from, to }
local Recording = {}

---notes no more.
---@return curlsock.Recording
function Recording:stop() end

---a waterfall for a terminal of so many columns (100; at most 10,000).
---@param width? integer
---@return string
function Recording:text(width) end

---a picture: transfers above, connections below, on one axis.
---@param title? string
---@return string
function Recording:svg(title) end

---JSON for chrome://tracing and ui.perfetto.dev.
---@return string
function Recording:chrome() end

---HAR 1.2, which browsers and proxies read.
---@return string
function Recording:har() end

---the seconds that it spans.
---@return number seconds
function Recording:length() end

---A URL in its parts. It stands wherever a URL does.
---@class curlsock.Url
local Url = {}

---part is "url" (the whole), "scheme", "user", "password", "options", "host", "port", "path", "query", "fragment" or "zoneid": its text, as it stands in the URL; nil if there is none. Flags: "urldecode", "default_port" (that of the scheme, if there is none), "no_default_port", "punycode", "puny2idn", "get_empty" (an empty query or fragment is ""), "no_guess_scheme"... On failure nil, message, name: "URLDECODE" for what decodes to a control byte; "NO_HOST" for "url" without one. Raises an error for an unknown part or flag.
---@param part curlsock.UrlPart
---@param ... curlsock.UrlFlag
---@return string?
---@return string? message
---@return string? name
function Url:get(part, ...) end

---changes a part to the text (for "port" also an integer), or with nil takes it away; "url" may be relative to what it is now. Flags: "urlencode"; "appendquery" adds the text, NAME=VALUE, to the query, after "&" (then the first "=" is not encoded); those of curl.url. Returns the url, or nil, message, name, and then the part is as it was. Without "urlencode" a part is taken as it is, and may mean something else in the whole text.
---@param part curlsock.UrlPart
---@param text string|integer|nil
---@param ... curlsock.UrlFlag
---@return curlsock.Url?
---@return string? message
---@return string? name
function Url:set(part, text, ...) end

---another Url with the same parts. Raises an error without memory.
---@return curlsock.Url
function Url:dup() end

---A descriptor, and who owns it. Closed by the collector, and by its variable, while it is the script's.
---@class curlsock.Socket
---@field data any any value of the script's, nil at first; it can be set in any state, and the close callback gets the same Socket. Another field cannot be set.
local Socket = {}

---"owned", "lent", "closing", "borrowed", "closed" or "detached".
---@return string
function Socket:state() end

---the descriptor, for an event loop; nil if there is none any more. Also called getfd, pollfd and fileno.
---@return integer?
function Socket:fd() end

---binds it to the local Address, or its text. Returns the socket; on failure nil, message, name.
---@param address curlsock.Address|string
---@return curlsock.Socket?
---@return string? message
---@return string? name
function Socket:bind(address) end

---connects to the Address, or its text. With seconds it takes so long at most: nil, message, "ETIMEDOUT". Without, as the descriptor's blocking mode says. Returns the socket; on failure nil, message, name.
---@param address curlsock.Address|string
---@param seconds? number
---@return curlsock.Socket?
---@return string? message
---@return string? name
function Socket:connect(address, seconds) end

---waits for connections, of which backlog (128) may queue up. Returns the socket; on failure nil, message, name.
---@param backlog? integer
---@return curlsock.Socket?
---@return string? message
---@return string? name
function Socket:listen(backlog) end

---the next connection: a Socket, owned and blocking, and the Address of its peer. With seconds it waits so long at most: nil, message, "EAGAIN". Without, as the descriptor's blocking mode says. On failure nil, message, name.
---@param seconds? number
---@return curlsock.Socket?
---@return curlsock.Address|string peer
---@return string? name
function Socket:accept(seconds) end

---how many bytes of the string were sent, which may be fewer than all. With seconds it waits so long at most until some can be: nil, message, "EAGAIN". Without, as the descriptor's blocking mode says. On failure nil, message, name; never raises SIGPIPE.
---@param data string
---@param seconds? number
---@return integer? sent
---@return string? message
---@return string? name
function Socket:send(data, seconds) end

---a string of at most size bytes (1 or more), "" at the end of a stream. With seconds it waits so long at most until there is one: nil, message, "EAGAIN". Without, as the descriptor's blocking mode says. On failure nil, message, name.
---@param size integer
---@param seconds? number
---@return string?
---@return string? message
---@return string? name
function Socket:recv(size, seconds) end

---sends a copy of the descriptor of a Socket, which stays the script's, or of an integer, over a UNIX socket, and with it the string data: at least a byte; one NUL if there is none. Returns how many bytes were sent, which may be fewer than all: the descriptor went with the first. seconds, and failure, as send's; "EOPNOTSUPP" if the socket is no UNIX socket.
---@param descriptor curlsock.Socket|integer
---@param data? string
---@param seconds? number
---@return integer? sent
---@return string? message
---@return string? name
function Socket:sendfd(descriptor, data, seconds) end

---receives a descriptor that was sent over a UNIX socket, and the data it came with: a Socket, owned and close-on-exec, and a string of at most size (4096) bytes. If data comes without one: nil and the data, "" at the end of a stream. seconds, and failure, as recv's; more than one descriptor is "EBADMSG", one of something else "ENOTSOCK", one for which this process has no room "EMFILE": these are closed, and the data is lost.
---@param size? integer
---@param seconds? number
---@return curlsock.Socket?
---@return string data
---@return string? name
function Socket:recvfd(size, seconds) end

---sets an option of level "socket", "tcp", "udp", "ip" or "ipv6" by its name in lower case: an integer, a boolean, seconds (sndtimeo, rcvtimeo, user_timeout, busy_poll: fractions too), a string (bindtodevice, congestion), or for linger whole seconds, nil and false meaning off. Level and option may be integers of the system: then value is an integer, or a string of raw bytes. Returns the socket; on failure nil, message, name ("ENOPROTOOPT" for an option that this system does not have). An unknown option and a wrong value raise an error.
---@param level string|integer
---@param option string|integer
---@param value integer|boolean|number|string|nil
---@return curlsock.Socket?
---@return string? message
---@return string? name
function Socket:setsockopt(level, option, value) end

---the value of an option, as setsockopt takes it; type and domain are names as in curl.socket, error is an errno's name or false, peercred a table with pid, uid and gid. An option given as an integer is an integer; with size, a string of at most so many raw bytes. On failure nil, message, name.
---@param level string|integer
---@param option string|integer
---@param size? integer
---@return any? value
---@return string? message
---@return string? name
function Socket:getsockopt(level, option, size) end

---the Address it is bound to. On failure nil, message, name.
---@return curlsock.Address?
---@return string? message
---@return string? name
function Socket:localaddress() end

---the Address it is connected with. On failure nil, message, name.
---@return curlsock.Address?
---@return string? message
---@return string? name
function Socket:peeraddress() end

---what the kernel knows of a TCP connection: a table of counts and, in seconds, times, under the names of struct tcp_info (rtt, total_retrans, snd_cwnd, bytes_acked...), and state ("established", "close_wait"...). On failure, as for a socket that is not TCP, nil, message, name ("ENOSYS" on systems other than Linux).
---@return table<string, any>?
---@return string? message
---@return string? name
function Socket:info() end

---the open descriptor, which is now the script's to close.
---@return integer fd
function Socket:detach() end

---closes the descriptor: true; on failure nil, message, name (it is closed all the same). Does nothing if the Socket has none.
---@return true?
---@return string? message
---@return string? name
function Socket:close() end

---One address of a socket, to read and to change.
---@class curlsock.Address
---@field socktype string "stream" or "dgram"
---@field protocol integer the system's number
---@field bytes string|nil 4 or 16 bytes in network order; nil for a UNIX socket
---@field family "inet"|"inet6"|"unix" "inet", "inet6" or "unix". Setting it clears the address to that family's any-address and keeps the port
---@field ip string|nil an IPv4 or IPv6 address. Setting it sets the family, keeps the port, and clears the scope unless the text has one
---@field port integer|nil 0 to 65535
---@field path string|nil of a UNIX socket: "@name" is an abstract one (Linux), "" none
---@field scope_id integer|nil of an IPv6 address
local Address = {}

---whether the IP address lies in the network, a text such as "10.0.0.0/8", "fc00::/7", or one address. An IPv4 address that is mapped into IPv6 (::ffff:10.0.0.1) lies in IPv4 networks too, because it reaches the same host; a plain IPv4 address never lies in an IPv6 network, nor a UNIX address in any. Raises an error if the text is no network.
---@param network string
---@return boolean
function Address:within(network) end

---true if what is sent to the IP address leaves this host; false if it is one of the host's own, as the kernel has them now: those of its interfaces, all that is routed to it (127.0.0.0/8), "0.0.0.0" and "::"; and for every UNIX address. If the kernel does not say, nil, message, name. Systems other than Linux know their interfaces' addresses alone.
---@return boolean?
---@return string? message
---@return string? name
function Address:is_foreign() end

---an equal Address, of the same socktype and protocol, that changes by itself.
---@return curlsock.Address
function Address:copy() end

---family, bytes, port, socktype and scope_id, as the fields of these names are: for who looks at all of them, for each new connection.
---@return string family
---@return string bytes
---@return integer port
---@return string socktype
---@return integer scope_id
function Address:unpack() end

---a new Socket of the address's family, socktype and protocol, as curl.socket makes it. On failure nil, message, name.
---@return curlsock.Socket?
---@return string? message
---@return string? name
function Address:socket() end

---Many networks, to look addresses up in.
---@class curlsock.Networks
local Networks = {}

---the smallest network in which the Address lies, or a string of 4 or 16 bytes, as address.bytes has them: its text, as it was given, and its value; nil if there is none, as for every UNIX address. Ports and zones do not count; an IPv4 address that is mapped into IPv6 is one of IPv6 here, and lies in no IPv4 network.
---@param address curlsock.Address|string
---@return string? network
---@return any? value
function Networks:find(address) end

---@class curlsock
---@field PAUSE curlsock.Pause
---@field _VERSION string
local curl = {}

---a new easy, its options set as by easy:setopt. Raises an error for wrong options; nil, message, name for one that libcurl refuses.
---@param options? curlsock.EasyOptions
---@return curlsock.Easy?
---@return string? message
---@return string? name
function curl.easy(options) end

---a new multi. nil, message, name if libcurl refuses an option.
---@param options? curlsock.MultiOptions
---@return curlsock.Multi?
---@return string? message
---@return string? name
function curl.multi(options) end

---what a pool lets in, for the option "policy" of a multi, a share (that shares connections), an easy or a loop. What is asked says yes by true, and open by a Socket too; false, or nil, and a reason refuses. What a hook throws fails the transfer; of close, it comes out of the call that closed the connection. All fields may be absent; an unknown one raises an error.
---
---* `name`: stands before each reason
---* `start(easy, url, hop)`: asked before a request (hop 0) and each redirect
---* `open(purpose, address, easy, socket, transfer)`: asked about each socket; socket is what the easy's own callback gave, transfer counts those of the easy
---* `sockopt(socket, purpose, easy)`: asked before a socket is connected
---* `request(socket, easy, kept)`: told of each request on a connection, new or kept
---* `close(socket)`: told once for each socket that was opened
---* `fence`: options of an easy that would lead around it, and what they must be
---* `max_body, max_header`: bytes that a transfer may deliver, and of the headers of all its answers
---* `pool`: options of a multi that has it
---* `admit(easy, loop)`: asked by a loop before a transfer begins: true, seconds to wait, or nil and a reason
---@param table curlsock.PolicyFields
---@return curlsock.Policy
function curl.policy(table) end

---each pool that is made from now on, also by loops and modules, has this policy unless it is given another. Can be called once.
---@param policy curlsock.Policy|curlsock.Rules|curlsock.PolicyFields
function curl.default_policy(policy) end

---from now on f(event) is told what happens to transfers and connections, in this Lua state; nil ends that. An event is a table with
---
---* `event`: what has happened (below)
---* `time`: when, as curl.now() tells it
---* `easy`: number of the easy: this, and the next two, are unique in the Lua state
---* `pool`: number of the handle whose cache the connection is in
---* `socket`: number of the Socket
---* `handle`: the easy, where the event is of a transfer
---* `url`: the one it is at
---* `address`: text of the address that is dialled
---* `attempt`: how an attempt to connect ended
---* `reason`: why, where something refused
---* `result`: "OK", or the name of the failure
---
---The events are
---
---* `start`: a transfer begins: by easy:perform, or it was added to a multi
---* `open`: libcurl has a socket (address), which is to be connected
---* `refused`: there is none for the address (reason)
---* `connected`: the first request of a new connection is sent next (attempt: "won")
---* `reused`: a request is sent next on a connection that had one
---* `idle`: no transfer uses the connection any more, and it stays
---* `close`: the socket is closed; without a request (attempt) it was "lost" to another attempt, has "failed", has "timed out" or was "cancelled"
---* `detach`: its close callback has taken it
---* `done`: the transfer has ended (result, reason); "REMOVED" before its end
---
---socket is nil where libcurl does not tell it (prereqfunction). Before libcurl 8.2 what happened to attempts is known when the transfer ends: one that failed beside one that won is "lost". f runs as a callback does, and what it does itself is not told; an error in it becomes a warning. It is kept until the state ends, with what it mentions.
---@param f fun(event: curlsock.TraceEvent)|nil
function curl.trace(f) end

---a new share; options as for share:setopt.
---@param options? curlsock.ShareOptions
---@return curlsock.Share?
---@return string? message
---@return string? name
function curl.share(options) end

---a Url, which is empty, or has what libcurl reads in the text; or a copy, if a Url stands in its place. Flags are libcurl's, in lower case without CURLU_: "guess_scheme" takes "example.com", "non_support_scheme" any scheme (a transfer reads its url with both), "disallow_user" no user; "urlencode", "default_scheme", "path_as_is", "no_authority", "allow_space". On failure nil, message and the name of libcurl's CURLUE_ code: "MALFORMED_INPUT" also for NUL, CR and LF. A flag that is newer than this libcurl is "NOT_SUPPORTED". Raises an error for an unknown flag.
---@param text? string|curlsock.Url
---@param ... curlsock.UrlFlag
---@return curlsock.Url?
---@return string? message
---@return string? name
function curl.url(text, ...) end

---the text as a part of a URL: all bytes but letters, digits and "-._~" become %XX. nil, message, "OUT_OF_MEMORY" for what libcurl finds too long, which is some megabytes.
---@param text string
---@return string?
---@return string? message
---@return string? name
function curl.escape(text) end

---the reverse: each %XX becomes that byte, NUL too; what is no %XX stays as it is, "+" too. Fails as curl.escape does.
---@param text string
---@return string?
---@return string? message
---@return string? name
function curl.unescape(text) end

---a new Socket, owned, close-on-exec. family "inet" (default), "inet6", "unix"; socktype "stream" (default), "dgram", "seqpacket", "raw"; or the integers of the system. options.netns is the path of a network namespace ("/run/netns/x", "/proc/1234/ns/net"; Linux, and for those that may enter it): there the socket is, and the caller stays where it is. On failure nil, message, name ("ENOSYS" for a namespace on other systems).
---@param family? "inet"|"inet6"|"unix"|integer
---@param socktype? "stream"|"dgram"|"seqpacket"|"raw"|integer
---@param protocol? integer
---@param options? { netns: string? }
---@return curlsock.Socket?
---@return string? message
---@return string? name
function curl.socket(family, socktype, protocol, options) end

---two Sockets, connected with each other, of family "unix" and of type "stream", "dgram" or "seqpacket". On failure nil, message, name.
---@param socktype? "stream"|"dgram"|"seqpacket"|"raw"|integer
---@return curlsock.Socket?
---@return curlsock.Socket|string message
---@return string? name
function curl.socketpair(socktype) end

---a Socket that owns the descriptor of an open socket. Raises an error, and leaves the descriptor alone, if it is anything else or has an owner already.
---@param fd integer
---@return curlsock.Socket
function curl.adopt(fd) end

---the Address that the text means: "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80", "unix:/path", "unix:@abstract" (Linux), or an IP address alone, with port 0. Its socktype is "stream", its protocol 0. Any other text raises an error.
---@param text string
---@return curlsock.Address
function curl.address(text) end

---Networks, to look addresses up in. An entry of the list is a network, or one address, as a text, or an Address, of which the IP alone counts; its value is true. With a network as the key, a text, the value is any. Raises an error that names the entry if it is no network, has bits behind its prefix ("10.1.0.0/8"), or if the list has holes, or a network is there twice.
---@param options table<integer|string, any>
---@return curlsock.Networks
function curl.networks(options) end

---what libcurl this is: a table of
---
---* `version`: "7.88.1"
---* `version_num`: 0x075801
---* `host`: for which system it was built
---* `protocols`: list of names
---* `features`: list of names, where libcurl tells them (7.87)
---* `ssl_version, libz_version, ares, libidn, libssh_version, brotli_version, nghttp2_version, quic_version, zstd_version, hyper_version, gsasl_version, rtmp_version`: the libraries that it was built with, as texts; nil for none
---* `cainfo, capath`: where it looks for certificates
---@return curlsock.VersionInfo
function curl.version_info() end

---an iterator over all options of an easy that libcurl describes, of which easy:setopt refuses a few: the name; libcurl's type: "long", "values" (bits, or one of some), "off_t", "string", "slist", "blob", "function", "object" or "cbptr" (what a callback is given, which cannot come from Lua); and for another name of an option that one.
---@return (fun(): string?, string?, string?)
function curl.options() end

---an iterator over what easy:getinfo knows of this libcurl, by name: the name, and libcurl's type: "string", "long", "double", "off_t", "slist" or "socket".
---@return (fun(): string?, string?)
function curl.infos() end

---"easy", "multi", "share", "socket", "address", "networks", "policy" or "url"; an easy, multi, share, socket or url that can no longer be used has "closed " before it (a Socket: where it has no descriptor); nil for anything else. Never raises.
---@param x any
---@return string? kind
function curl.type(x) end

---whether libcurl is at work, and this is a callback of it; with a handle: a callback in which methods of that are refused.
---@param handle? curlsock.Easy|curlsock.Multi|curlsock.Share
---@return boolean
function curl.inside(handle) end

---seconds on a clock that never goes back, to measure with.
---@return number seconds
function curl.now() end

---the seconds since 1970 (UTC) that a date means, as HTTP, mail and cookies write it ("Sun, 06 Nov 1994 08:49:37 GMT"); nil if libcurl sees none in it.
---@param text string
---@return integer? seconds
function curl.getdate(text) end

---what libcurl holds now, in the order of their descriptors. Each is a table:
---
---* `socket`: the Socket
---* `state`: "lent"
---* `pool`: the easy, multi or share that owns the connection cache
---
---socket and pool are nil while the pool is being finalized.
---@return curlsock.HeldSocket[]
function curl.sockets() end

---how many objects are not torn down, to find leaks: a table with easy, multi, share, and socket for descriptors that a Socket or libcurl holds.
---@return table<string, integer>
function curl.live() end

return curl
