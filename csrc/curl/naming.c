/* SPDX-License-Identifier: MIT
 *
 * naming.c - what the values of an option are called. libcurl's header names those of
 * some options; the names here are these, in lower case and without prefix.
 */
#define CURL_DISABLE_DEPRECATION /* some are deprecated, and still there */
#include "options.h"

static const struct cs_name httpauth[] = {
    {"none", (long)CURLAUTH_NONE},           {"basic", (long)CURLAUTH_BASIC},
    {"digest", (long)CURLAUTH_DIGEST},       {"digest_ie", (long)CURLAUTH_DIGEST_IE},
    {"negotiate", (long)CURLAUTH_NEGOTIATE}, {"gssapi", (long)CURLAUTH_GSSAPI},
    {"ntlm", (long)CURLAUTH_NTLM},
#ifdef CURLAUTH_NTLM_WB
    {"ntlm_wb", (long)CURLAUTH_NTLM_WB},
#endif
    {"bearer", (long)CURLAUTH_BEARER},       {"aws_sigv4", (long)CURLAUTH_AWS_SIGV4},
#ifdef CURLAUTH_HTTPSIG
    {"httpsig", (long)CURLAUTH_HTTPSIG},
#endif
    {"only", (long)CURLAUTH_ONLY},           {"any", (long)CURLAUTH_ANY},
    {"anysafe", (long)CURLAUTH_ANYSAFE},     {NULL, 0},
};

static const struct cs_name ssh_auth[] = {
    {"none", CURLSSH_AUTH_NONE},
    {"publickey", CURLSSH_AUTH_PUBLICKEY},
    {"password", CURLSSH_AUTH_PASSWORD},
    {"host", CURLSSH_AUTH_HOST},
    {"keyboard", CURLSSH_AUTH_KEYBOARD},
    {"agent", CURLSSH_AUTH_AGENT},
    {"gssapi", CURLSSH_AUTH_GSSAPI},
    {"any", (long)CURLSSH_AUTH_ANY},
    {"default", (long)CURLSSH_AUTH_DEFAULT},
    {NULL, 0},
};

static const struct cs_name http_version[] = {
    {"none", CURL_HTTP_VERSION_NONE},
    {"1.0", CURL_HTTP_VERSION_1_0},
    {"1.1", CURL_HTTP_VERSION_1_1},
    {"2", CURL_HTTP_VERSION_2},
    {"2tls", CURL_HTTP_VERSION_2TLS},
    {"2-prior-knowledge", CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE},
    {"3", CURL_HTTP_VERSION_3},
#if LIBCURL_VERSION_NUM >= 0x075800
    {"3only", CURL_HTTP_VERSION_3ONLY},
#endif
    {NULL, 0},
};

static const struct cs_name sslversion[] = {
    {"default", CURL_SSLVERSION_DEFAULT},
    {"tlsv1", CURL_SSLVERSION_TLSv1},
    {"sslv2", CURL_SSLVERSION_SSLv2},
    {"sslv3", CURL_SSLVERSION_SSLv3},
    {"tlsv1.0", CURL_SSLVERSION_TLSv1_0},
    {"tlsv1.1", CURL_SSLVERSION_TLSv1_1},
    {"tlsv1.2", CURL_SSLVERSION_TLSv1_2},
    {"tlsv1.3", CURL_SSLVERSION_TLSv1_3},
    {"max_none", CURL_SSLVERSION_MAX_NONE},
    {"max_default", CURL_SSLVERSION_MAX_DEFAULT},
    {"max_tlsv1.0", CURL_SSLVERSION_MAX_TLSv1_0},
    {"max_tlsv1.1", CURL_SSLVERSION_MAX_TLSv1_1},
    {"max_tlsv1.2", CURL_SSLVERSION_MAX_TLSv1_2},
    {"max_tlsv1.3", CURL_SSLVERSION_MAX_TLSv1_3},
    {NULL, 0},
};

static const struct cs_name ssl_options[] = {
    {"allow_beast", CURLSSLOPT_ALLOW_BEAST},
    {"no_revoke", CURLSSLOPT_NO_REVOKE},
    {"no_partialchain", CURLSSLOPT_NO_PARTIALCHAIN},
    {"revoke_best_effort", CURLSSLOPT_REVOKE_BEST_EFFORT},
    {"native_ca", CURLSSLOPT_NATIVE_CA},
    {"auto_client_cert", CURLSSLOPT_AUTO_CLIENT_CERT},
#ifdef CURLSSLOPT_EARLYDATA
    {"earlydata", CURLSSLOPT_EARLYDATA},
#endif
    {NULL, 0},
};

static const struct cs_name proxytype[] = {
    {"http", CURLPROXY_HTTP},
    {"http_1_0", CURLPROXY_HTTP_1_0},
    {"https", CURLPROXY_HTTPS},
#if LIBCURL_VERSION_NUM >= 0x080100
    {"https2", CURLPROXY_HTTPS2},
#endif
#ifdef CURLPROXY_HTTPS3
    {"https3", CURLPROXY_HTTPS3},
#endif
    {"socks4", CURLPROXY_SOCKS4},
    {"socks4a", CURLPROXY_SOCKS4A},
    {"socks5", CURLPROXY_SOCKS5},
    {"socks5_hostname", CURLPROXY_SOCKS5_HOSTNAME},
    {NULL, 0},
};

static const struct cs_name ipresolve[] = {
    {"whatever", CURL_IPRESOLVE_WHATEVER},
    {"v4", CURL_IPRESOLVE_V4},
    {"v6", CURL_IPRESOLVE_V6},
    {NULL, 0},
};

static const struct cs_name use_ssl[] = {
    {"none", CURLUSESSL_NONE},
    {"try", CURLUSESSL_TRY},
    {"control", CURLUSESSL_CONTROL},
    {"all", CURLUSESSL_ALL},
    {NULL, 0},
};

static const struct cs_name ftpsslauth[] = {
    {"default", CURLFTPAUTH_DEFAULT},
    {"ssl", CURLFTPAUTH_SSL},
    {"tls", CURLFTPAUTH_TLS},
    {NULL, 0},
};

static const struct cs_name ftp_ssl_ccc[] = {
    {"none", CURLFTPSSL_CCC_NONE},
    {"passive", CURLFTPSSL_CCC_PASSIVE},
    {"active", CURLFTPSSL_CCC_ACTIVE},
    {NULL, 0},
};

static const struct cs_name ftp_filemethod[] = {
    {"default", CURLFTPMETHOD_DEFAULT},
    {"multicwd", CURLFTPMETHOD_MULTICWD},
    {"nocwd", CURLFTPMETHOD_NOCWD},
    {"singlecwd", CURLFTPMETHOD_SINGLECWD},
    {NULL, 0},
};

static const struct cs_name ftp_create_missing_dirs[] = {
    {"none", CURLFTP_CREATE_DIR_NONE},
    {"create", CURLFTP_CREATE_DIR},
    {"retry", CURLFTP_CREATE_DIR_RETRY},
    {NULL, 0},
};

static const struct cs_name netrc[] = {
    {"ignored", CURL_NETRC_IGNORED},
    {"optional", CURL_NETRC_OPTIONAL},
    {"required", CURL_NETRC_REQUIRED},
    {NULL, 0},
};

static const struct cs_name timecondition[] = {
    {"none", CURL_TIMECOND_NONE},
    {"ifmodsince", CURL_TIMECOND_IFMODSINCE},
    {"ifunmodsince", CURL_TIMECOND_IFUNMODSINCE},
    {"lastmod", CURL_TIMECOND_LASTMOD},
    {NULL, 0},
};

static const struct cs_name rtsp_request[] = {
    {"options", CURL_RTSPREQ_OPTIONS},
    {"describe", CURL_RTSPREQ_DESCRIBE},
    {"announce", CURL_RTSPREQ_ANNOUNCE},
    {"setup", CURL_RTSPREQ_SETUP},
    {"play", CURL_RTSPREQ_PLAY},
    {"pause", CURL_RTSPREQ_PAUSE},
    {"teardown", CURL_RTSPREQ_TEARDOWN},
    {"get_parameter", CURL_RTSPREQ_GET_PARAMETER},
    {"set_parameter", CURL_RTSPREQ_SET_PARAMETER},
    {"record", CURL_RTSPREQ_RECORD},
    {"receive", CURL_RTSPREQ_RECEIVE},
    {NULL, 0},
};

static const struct cs_name postredir[] = {
    {"get_all", CURL_REDIR_GET_ALL},   {"post_301", CURL_REDIR_POST_301},
    {"post_302", CURL_REDIR_POST_302}, {"post_303", CURL_REDIR_POST_303},
    {"post_all", CURL_REDIR_POST_ALL}, {NULL, 0},
};

static const struct cs_name gssapi_delegation[] = {
    {"none", CURLGSSAPI_DELEGATION_NONE},
    {"policy_flag", CURLGSSAPI_DELEGATION_POLICY_FLAG},
    {"flag", CURLGSSAPI_DELEGATION_FLAG},
    {NULL, 0},
};

static const struct cs_name headeropt[] = {
    {"unified", CURLHEADER_UNIFIED},
    {"separate", CURLHEADER_SEPARATE},
    {NULL, 0},
};

static const struct cs_name altsvc_ctrl[] = {
    {"readonlyfile", CURLALTSVC_READONLYFILE},
    {"h1", CURLALTSVC_H1},
    {"h2", CURLALTSVC_H2},
    {"h3", CURLALTSVC_H3},
    {NULL, 0},
};

static const struct cs_name hsts_ctrl[] = {
    {"enable", CURLHSTS_ENABLE},
    {"readonlyfile", CURLHSTS_READONLYFILE},
    {NULL, 0},
};

static const struct cs_name mime_options[] = {
    {"formescape", CURLMIMEOPT_FORMESCAPE},
    {NULL, 0},
};

#if LIBCURL_VERSION_NUM >= 0x075600
static const struct cs_name ws_options[] = {
    {"raw_mode", CURLWS_RAW_MODE},
#ifdef CURLWS_NOAUTOPONG
    {"noautopong", CURLWS_NOAUTOPONG},
#endif
    {NULL, 0},
};
#endif

#if LIBCURL_VERSION_NUM >= 0x080d00
static const struct cs_name followlocation[] = {
    {"all", CURLFOLLOW_ALL},
    {"obeycode", CURLFOLLOW_OBEYCODE},
    {"firstonly", CURLFOLLOW_FIRSTONLY},
    {NULL, 0},
};

static const struct cs_name upload_flags[] = {
    {"answered", CURLULFLAG_ANSWERED}, {"deleted", CURLULFLAG_DELETED},
    {"draft", CURLULFLAG_DRAFT},       {"flagged", CURLULFLAG_FLAGGED},
    {"seen", CURLULFLAG_SEEN},         {NULL, 0},
};
#endif

enum { ONE = 0, FLAGS = CS_FLAGS, VERSION = CS_VERSION };

static const struct cs_naming namings[] = {
    {CURLOPT_HTTPAUTH, FLAGS, httpauth},
    {CURLOPT_PROXYAUTH, FLAGS, httpauth},
    {CURLOPT_SOCKS5_AUTH, FLAGS, httpauth},
    {CURLOPT_SSH_AUTH_TYPES, FLAGS, ssh_auth},
    {CURLOPT_HTTP_VERSION, VERSION, http_version},
    {CURLOPT_SSLVERSION, FLAGS | VERSION, sslversion},
    {CURLOPT_PROXY_SSLVERSION, FLAGS | VERSION, sslversion},
    {CURLOPT_SSL_OPTIONS, FLAGS, ssl_options},
    {CURLOPT_PROXY_SSL_OPTIONS, FLAGS, ssl_options},
    {CURLOPT_PROXYTYPE, ONE, proxytype},
    {CURLOPT_IPRESOLVE, VERSION, ipresolve},
    {CURLOPT_USE_SSL, ONE, use_ssl},
    {CURLOPT_FTPSSLAUTH, ONE, ftpsslauth},
    {CURLOPT_FTP_SSL_CCC, ONE, ftp_ssl_ccc},
    {CURLOPT_FTP_FILEMETHOD, ONE, ftp_filemethod},
    {CURLOPT_FTP_CREATE_MISSING_DIRS, ONE, ftp_create_missing_dirs},
    {CURLOPT_NETRC, ONE, netrc},
    {CURLOPT_TIMECONDITION, ONE, timecondition},
    {CURLOPT_RTSP_REQUEST, ONE, rtsp_request},
    {CURLOPT_POSTREDIR, FLAGS, postredir},
    {CURLOPT_GSSAPI_DELEGATION, FLAGS, gssapi_delegation},
    {CURLOPT_HEADEROPT, ONE, headeropt},
    {CURLOPT_ALTSVC_CTRL, FLAGS, altsvc_ctrl},
    {CURLOPT_HSTS_CTRL, FLAGS, hsts_ctrl},
    {CURLOPT_MIME_OPTIONS, FLAGS, mime_options},
#if LIBCURL_VERSION_NUM >= 0x075600
    {CURLOPT_WS_OPTIONS, FLAGS, ws_options},
#endif
#if LIBCURL_VERSION_NUM >= 0x080d00
    {CURLOPT_FOLLOWLOCATION, ONE, followlocation},
    {CURLOPT_UPLOAD_FLAGS, FLAGS, upload_flags},
#endif
};

const struct cs_naming *cs_naming_of(CURLoption id) {
  for (size_t i = 0; i < sizeof namings / sizeof *namings; i++)
    if (namings[i].id == id) return &namings[i];
  return NULL;
}
