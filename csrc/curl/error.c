/* SPDX-License-Identifier: MIT
 *
 * error.c - how libcurl failed: nil, message, name. The names are libcurl's, without any
 * prefix, so that a script compares readable strings. That this libcurl cannot do what
 * was asked, because it was built without it, or is too old, has one name, NOT_SUPPORTED,
 * whoever says so. (An option or information that it does not have is UNKNOWN_OPTION.)
 */
#include "binding.h"

/* errors: misuse raises an error, also in a constructor: a wrong type, a number out of
 * range, an unknown name, a closed handle, a call that is not allowed inside a callback.
 * What fails returns nil, message, name. The message is for people: libcurl's, with the
 * reason why a callback or a policy refused. The name is for programs:
 *   COULDNT_CONNECT...  libcurl's own, without CURLE_, CURLM_, CURLSHE_ or CURLUE_
 *   ECONNREFUSED...     the system's, of Sockets and Addresses
 *   NOT_SUPPORTED       this libcurl is too old for that, or was built without it
 *   UNKNOWN_OPTION      it does not have this option or information
 *   UNKNOWN             libcurl's code is newer than this module
 *   REFUSED             a policy refused the transfer, or all sockets for it
 *   CALLBACK            message is what a callback threw, in a multi
 *   CLOSED              the easy, loop, stream or WebSocket was closed meanwhile
 *   TIMEDOUT            what a coroutine waited for did not come in time
 *   CANCELLED           the task was cancelled
 *   REMOVED             in a trace: the transfer was removed before its end */

/* A code that this module was not compiled with has only its message. */
#define UNKNOWN "UNKNOWN"
#define NOT_SUPPORTED "NOT_SUPPORTED"

#define NAME(code) [CURLE_##code] = #code
/* Numbers that libcurl gave up (its OBSOLETEn) are gaps. */
static const char *const easy_names[] = {
    NAME(OK),
    NAME(UNSUPPORTED_PROTOCOL),
    NAME(FAILED_INIT),
    NAME(URL_MALFORMAT),
    [CURLE_NOT_BUILT_IN] = NOT_SUPPORTED,
    NAME(COULDNT_RESOLVE_PROXY),
    NAME(COULDNT_RESOLVE_HOST),
    NAME(COULDNT_CONNECT),
    NAME(WEIRD_SERVER_REPLY),
    NAME(REMOTE_ACCESS_DENIED),
    NAME(FTP_ACCEPT_FAILED),
    NAME(FTP_WEIRD_PASS_REPLY),
    NAME(FTP_ACCEPT_TIMEOUT),
    NAME(FTP_WEIRD_PASV_REPLY),
    NAME(FTP_WEIRD_227_FORMAT),
    NAME(FTP_CANT_GET_HOST),
    NAME(HTTP2),
    NAME(FTP_COULDNT_SET_TYPE),
    NAME(PARTIAL_FILE),
    NAME(FTP_COULDNT_RETR_FILE),
    NAME(QUOTE_ERROR),
    NAME(HTTP_RETURNED_ERROR),
    NAME(WRITE_ERROR),
    NAME(UPLOAD_FAILED),
    NAME(READ_ERROR),
    NAME(OUT_OF_MEMORY),
    NAME(OPERATION_TIMEDOUT),
    NAME(FTP_PORT_FAILED),
    NAME(FTP_COULDNT_USE_REST),
    NAME(RANGE_ERROR),
    NAME(SSL_CONNECT_ERROR),
    NAME(BAD_DOWNLOAD_RESUME),
    NAME(FILE_COULDNT_READ_FILE),
    NAME(LDAP_CANNOT_BIND),
    NAME(LDAP_SEARCH_FAILED),
    NAME(ABORTED_BY_CALLBACK),
    NAME(BAD_FUNCTION_ARGUMENT),
    NAME(INTERFACE_FAILED),
    NAME(TOO_MANY_REDIRECTS),
    NAME(UNKNOWN_OPTION),
    NAME(SETOPT_OPTION_SYNTAX),
    NAME(GOT_NOTHING),
    NAME(SSL_ENGINE_NOTFOUND),
    NAME(SSL_ENGINE_SETFAILED),
    NAME(SEND_ERROR),
    NAME(RECV_ERROR),
    NAME(SSL_CERTPROBLEM),
    NAME(SSL_CIPHER),
    NAME(PEER_FAILED_VERIFICATION),
    NAME(BAD_CONTENT_ENCODING),
    NAME(FILESIZE_EXCEEDED),
    NAME(USE_SSL_FAILED),
    NAME(SEND_FAIL_REWIND),
    NAME(SSL_ENGINE_INITFAILED),
    NAME(LOGIN_DENIED),
    NAME(TFTP_NOTFOUND),
    NAME(TFTP_PERM),
    NAME(REMOTE_DISK_FULL),
    NAME(TFTP_ILLEGAL),
    NAME(TFTP_UNKNOWNID),
    NAME(REMOTE_FILE_EXISTS),
    NAME(TFTP_NOSUCHUSER),
    NAME(SSL_CACERT_BADFILE),
    NAME(REMOTE_FILE_NOT_FOUND),
    NAME(SSH),
    NAME(SSL_SHUTDOWN_FAILED),
    NAME(AGAIN),
    NAME(SSL_CRL_BADFILE),
    NAME(SSL_ISSUER_ERROR),
    NAME(FTP_PRET_FAILED),
    NAME(RTSP_CSEQ_ERROR),
    NAME(RTSP_SESSION_ERROR),
    NAME(FTP_BAD_FILE_LIST),
    NAME(CHUNK_FAILED),
    NAME(NO_CONNECTION_AVAILABLE),
    NAME(SSL_PINNEDPUBKEYNOTMATCH),
    NAME(SSL_INVALIDCERTSTATUS),
    NAME(HTTP2_STREAM),
    NAME(RECURSIVE_API_CALL),
    NAME(AUTH_ERROR),
    NAME(HTTP3),
    NAME(QUIC_CONNECT_ERROR),
    NAME(PROXY),
    NAME(SSL_CLIENTCERT),
    NAME(UNRECOVERABLE_POLL),
#if LIBCURL_VERSION_NUM >= 0x080600
    NAME(TOO_LARGE),
#endif
#if LIBCURL_VERSION_NUM >= 0x080800
    NAME(ECH_REQUIRED),
#endif
};
#undef NAME

#define NAME(code) [CURLM_##code] = #code
static const char *const multi_names[] = {
    NAME(OK),
    NAME(BAD_HANDLE),
    NAME(BAD_EASY_HANDLE),
    NAME(OUT_OF_MEMORY),
    NAME(INTERNAL_ERROR),
    NAME(BAD_SOCKET),
    NAME(UNKNOWN_OPTION),
    NAME(ADDED_ALREADY),
    NAME(RECURSIVE_API_CALL),
    NAME(WAKEUP_FAILURE),
    NAME(BAD_FUNCTION_ARGUMENT),
    NAME(ABORTED_BY_CALLBACK),
    NAME(UNRECOVERABLE_POLL),
};
#undef NAME

#define NAME(code) [CURLSHE_##code] = #code
static const char *const share_names[] = {
    NAME(OK),      NAME(BAD_OPTION), NAME(IN_USE),
    NAME(INVALID), NAME(NOMEM),      [CURLSHE_NOT_BUILT_IN] = NOT_SUPPORTED,
};
#undef NAME

#define NAME(code) [CURLUE_##code] = #code
static const char *const url_names[] = {
    NAME(OK),
    NAME(BAD_HANDLE),
    NAME(BAD_PARTPOINTER),
    NAME(MALFORMED_INPUT),
    NAME(BAD_PORT_NUMBER),
    NAME(UNSUPPORTED_SCHEME),
    NAME(URLDECODE),
    NAME(OUT_OF_MEMORY),
    NAME(USER_NOT_ALLOWED),
    NAME(UNKNOWN_PART),
    NAME(NO_SCHEME),
    NAME(NO_USER),
    NAME(NO_PASSWORD),
    NAME(NO_OPTIONS),
    NAME(NO_HOST),
    NAME(NO_PORT),
    NAME(NO_QUERY),
    NAME(NO_FRAGMENT),
    NAME(NO_ZONEID),
    NAME(BAD_FILE_URL),
    NAME(BAD_FRAGMENT),
    NAME(BAD_HOSTNAME),
    NAME(BAD_IPV6),
    NAME(BAD_LOGIN),
    NAME(BAD_PASSWORD),
    NAME(BAD_PATH),
    NAME(BAD_QUERY),
    NAME(BAD_SCHEME),
    NAME(BAD_SLASHES),
    NAME(BAD_USER),
    /* By number: they are newer than the oldest libcurl that this compiles with. */
    [30] = "LACKS_IDN",
    [31] = "TOO_LARGE",
    [32] = "BACKSLASH",
};
#undef NAME

/* A negative code becomes a huge one here. */
static const char *find(const char *const *names, size_t count, int code) {
  return (size_t)code < count && names[code] ? names[code] : UNKNOWN;
}
#define FIND(names, code) find(names, sizeof names / sizeof *names, code)

const char *cs_easy_name(CURLcode code) { return FIND(easy_names, (int)code); }

static int fail(lua_State *L, const char *message, const char *name) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  lua_pushstring(L, name);
  return 3;
}

int cs_name_option(lua_State *L, const char *option, int results) {
  lua_pushfstring(L, "option '%s': %s", option, lua_tostring(L, -2));
  lua_replace(L, -3);
  return results;
}

int cs_fail_easy(lua_State *L, CURLcode code) {
  if (code == CS_NOT_SUPPORTED)
    return fail(L, "this libcurl is too old for that", "NOT_SUPPORTED");
  return fail(L, curl_easy_strerror(code), cs_easy_name(code));
}

int cs_fail_multi(lua_State *L, CURLMcode code) {
  return fail(L, curl_multi_strerror(code), FIND(multi_names, (int)code));
}

int cs_fail_share(lua_State *L, CURLSHcode code) {
  return fail(L, curl_share_strerror(code), FIND(share_names, (int)code));
}

int cs_fail_url(lua_State *L, CURLUcode code) {
  return fail(L, curl_url_strerror(code), FIND(url_names, (int)code));
}

int cs_fail_old(lua_State *L, const char *what, unsigned since, const char *name) {
  const char *message =
      lua_pushfstring(L, "%s needs libcurl %d.%d.%d, this is %s", what,
                      (int)(since >> 16), (int)(since >> 8 & 255), (int)(since & 255),
                      curl_version_info(CURLVERSION_NOW)->version);
  return fail(L, message, name);
}
