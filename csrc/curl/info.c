/* SPDX-License-Identifier: MIT
 *
 * info.c - easy:getinfo. libcurl does not describe its informations at run time, but the
 * type of each is part of its number: only names and numbers are here, so that one that
 * is newer than the header works with a libcurl that has it.
 */
#define CURL_DISABLE_DEPRECATION /* some are deprecated, and still there */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "kept.h"
#include "options.h"

struct info {
  const char *name;
  CURLINFO id;
  unsigned since; /* if that is newer than what this compiles with */
};

/* Those that are not in every header, by number. */
#define LONG_INFO(number) (CURLINFO)(CURLINFO_LONG + (number))
#define OFF_T_INFO(number) (CURLINFO)(CURLINFO_OFF_T + (number))

/* Sorted by name, for bsearch. */
static const struct info infos[] = {
    {"activesocket", CURLINFO_ACTIVESOCKET, 0},
    {"appconnect_time", CURLINFO_APPCONNECT_TIME, 0},
    {"appconnect_time_t", CURLINFO_APPCONNECT_TIME_T, 0},
    {"cainfo", CURLINFO_CAINFO, 0},
    {"capath", CURLINFO_CAPATH, 0},
    {"certinfo", CURLINFO_CERTINFO, 0},
    {"condition_unmet", CURLINFO_CONDITION_UNMET, 0},
    {"conn_id", OFF_T_INFO(64), 0x080200},
    {"connect_time", CURLINFO_CONNECT_TIME, 0},
    {"connect_time_t", CURLINFO_CONNECT_TIME_T, 0},
    {"content_length_download", CURLINFO_CONTENT_LENGTH_DOWNLOAD, 0},
    {"content_length_download_t", CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, 0},
    {"content_length_upload", CURLINFO_CONTENT_LENGTH_UPLOAD, 0},
    {"content_length_upload_t", CURLINFO_CONTENT_LENGTH_UPLOAD_T, 0},
    {"content_type", CURLINFO_CONTENT_TYPE, 0},
    {"cookielist", CURLINFO_COOKIELIST, 0},
    {"earlydata_sent_t", OFF_T_INFO(68), 0x080b00},
    {"effective_method", CURLINFO_EFFECTIVE_METHOD, 0},
    {"effective_url", CURLINFO_EFFECTIVE_URL, 0},
    {"filetime", CURLINFO_FILETIME, 0},
    {"filetime_t", CURLINFO_FILETIME_T, 0},
    {"ftp_entry_path", CURLINFO_FTP_ENTRY_PATH, 0},
    {"header_size", CURLINFO_HEADER_SIZE, 0},
    {"http_connectcode", CURLINFO_HTTP_CONNECTCODE, 0},
    {"http_version", CURLINFO_HTTP_VERSION, 0},
    {"httpauth_avail", CURLINFO_HTTPAUTH_AVAIL, 0},
    {"httpauth_used", LONG_INFO(69), 0x080c00},
    {"lastsocket", CURLINFO_LASTSOCKET, 0},
    {"local_ip", CURLINFO_LOCAL_IP, 0},
    {"local_port", CURLINFO_LOCAL_PORT, 0},
    {"namelookup_time", CURLINFO_NAMELOOKUP_TIME, 0},
    {"namelookup_time_t", CURLINFO_NAMELOOKUP_TIME_T, 0},
    {"num_connects", CURLINFO_NUM_CONNECTS, 0},
    {"os_errno", CURLINFO_OS_ERRNO, 0},
    {"posttransfer_time_t", OFF_T_INFO(67), 0x080a00},
    {"pretransfer_time", CURLINFO_PRETRANSFER_TIME, 0},
    {"pretransfer_time_t", CURLINFO_PRETRANSFER_TIME_T, 0},
    {"primary_ip", CURLINFO_PRIMARY_IP, 0},
    {"primary_port", CURLINFO_PRIMARY_PORT, 0},
    {"private", CURLINFO_PRIVATE, 0},
    {"protocol", CURLINFO_PROTOCOL, 0},
    {"proxy_error", CURLINFO_PROXY_ERROR, 0},
    {"proxy_ssl_verifyresult", CURLINFO_PROXY_SSL_VERIFYRESULT, 0},
    {"proxyauth_avail", CURLINFO_PROXYAUTH_AVAIL, 0},
    {"proxyauth_used", LONG_INFO(70), 0x080c00},
    {"queue_time_t", OFF_T_INFO(65), 0x080600},
    {"redirect_count", CURLINFO_REDIRECT_COUNT, 0},
    {"redirect_time", CURLINFO_REDIRECT_TIME, 0},
    {"redirect_time_t", CURLINFO_REDIRECT_TIME_T, 0},
    {"redirect_url", CURLINFO_REDIRECT_URL, 0},
    {"referer", CURLINFO_REFERER, 0},
    {"request_size", CURLINFO_REQUEST_SIZE, 0},
    {"response_code", CURLINFO_RESPONSE_CODE, 0},
    {"retry_after", CURLINFO_RETRY_AFTER, 0},
    {"rtsp_client_cseq", CURLINFO_RTSP_CLIENT_CSEQ, 0},
    {"rtsp_cseq_recv", CURLINFO_RTSP_CSEQ_RECV, 0},
    {"rtsp_server_cseq", CURLINFO_RTSP_SERVER_CSEQ, 0},
    {"rtsp_session_id", CURLINFO_RTSP_SESSION_ID, 0},
    {"scheme", CURLINFO_SCHEME, 0},
    {"size_delivered", OFF_T_INFO(71), 0x081400},
    {"size_download", CURLINFO_SIZE_DOWNLOAD, 0},
    {"size_download_t", CURLINFO_SIZE_DOWNLOAD_T, 0},
    {"size_upload", CURLINFO_SIZE_UPLOAD, 0},
    {"size_upload_t", CURLINFO_SIZE_UPLOAD_T, 0},
    {"speed_download", CURLINFO_SPEED_DOWNLOAD, 0},
    {"speed_download_t", CURLINFO_SPEED_DOWNLOAD_T, 0},
    {"speed_upload", CURLINFO_SPEED_UPLOAD, 0},
    {"speed_upload_t", CURLINFO_SPEED_UPLOAD_T, 0},
    {"ssl_engines", CURLINFO_SSL_ENGINES, 0},
    {"ssl_verifyresult", CURLINFO_SSL_VERIFYRESULT, 0},
    {"starttransfer_time", CURLINFO_STARTTRANSFER_TIME, 0},
    {"starttransfer_time_t", CURLINFO_STARTTRANSFER_TIME_T, 0},
    {"tls_session", CURLINFO_TLS_SESSION, 0},
    {"tls_ssl_ptr", CURLINFO_TLS_SSL_PTR, 0},
    {"total_time", CURLINFO_TOTAL_TIME, 0},
    {"total_time_t", CURLINFO_TOTAL_TIME_T, 0},
    {"used_proxy", LONG_INFO(66), 0x080700},
    {"xfer_id", OFF_T_INFO(63), 0x080200},
};

#define COUNT (sizeof infos / sizeof *infos)

/* Each pushes the value, if libcurl has it. [-0, +(0|1)] */
typedef CURLcode reader(lua_State *L, struct cs_easy *e, CURLINFO id);

static CURLcode read_string(lua_State *L, struct cs_easy *e, CURLINFO id) {
  const char *value = NULL;
  CURLcode code = curl_easy_getinfo(e->curl, id, &value);
  if (!code) lua_pushstring(L, value);
  return code;
}

static CURLcode read_long(lua_State *L, struct cs_easy *e, CURLINFO id) {
  long value = 0;
  CURLcode code = curl_easy_getinfo(e->curl, id, &value);
  if (!code) lua_pushinteger(L, value);
  return code;
}

static CURLcode read_double(lua_State *L, struct cs_easy *e, CURLINFO id) {
  double value = 0;
  CURLcode code = curl_easy_getinfo(e->curl, id, &value);
  if (!code) lua_pushnumber(L, value);
  return code;
}

static CURLcode read_off_t(lua_State *L, struct cs_easy *e, CURLINFO id) {
  curl_off_t value = 0;
  CURLcode code = curl_easy_getinfo(e->curl, id, &value);
  if (!code) lua_pushinteger(L, value);
  return code;
}

/* What setopt takes for the version; nil before there was an answer. */
static CURLcode read_version(lua_State *L, struct cs_easy *e, CURLINFO id) {
  long value = 0;
  CURLcode code = curl_easy_getinfo(e->curl, id, &value);
  if (code) return code;
  if (value == CURL_HTTP_VERSION_NONE)
    lua_pushnil(L);
  else
    cs_push_named(L, CURLOPT_HTTP_VERSION, (unsigned long)value);
  return CURLE_OK;
}

/* A list that "httpauth" takes. */
static CURLcode read_auth(lua_State *L, struct cs_easy *e, CURLINFO id) {
  long value = 0;
  CURLcode code = curl_easy_getinfo(e->curl, id, &value);
  if (!code) cs_push_flags(L, CURLOPT_HTTPAUTH, (unsigned long)value);
  return code;
}

/* What "protocols_str" takes. Its number lacks some protocols; libcurl before 8.3 has the
 * scheme in upper case. */
static CURLcode read_protocol(lua_State *L, struct cs_easy *e, CURLINFO id) {
  const char *scheme = NULL;
  luaL_Buffer b;
  (void)id;
  CURLcode code = curl_easy_getinfo(e->curl, CURLINFO_SCHEME, &scheme);
  if (code || !scheme) {
    if (!code) lua_pushnil(L);
    return code;
  }
  luaL_buffinit(L, &b);
  for (; *scheme; scheme++) luaL_addchar(&b, (char)tolower((unsigned char)*scheme));
  luaL_pushresult(&b);
  return CURLE_OK;
}

static int list_body(lua_State *L) {
  lua_Integer count = 0;
  lua_newtable(L);
  for (const struct curl_slist *s = lua_touserdata(L, 1); s; s = s->next) {
    lua_pushstring(L, s->data);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static CURLcode read_list(lua_State *L, struct cs_easy *e, CURLINFO id) {
  struct curl_slist *list = NULL;
  CURLcode code = curl_easy_getinfo(e->curl, id, &list);
  if (code) return code;
  lua_pushcfunction(L, list_body);
  lua_pushlightuserdata(L, list);
  int failed = lua_pcall(L, 1, 1, 0);
  curl_slist_free_all(list);
  if (failed) lua_error(L);
  return CURLE_OK;
}

/* Adds the line, "Name:value", to the table on top of the stack: to its list, and under
 * the name, unless that was there before. */
static void add_line(lua_State *L, const char *line, lua_Integer i) {
  const char *colon = strchr(line, ':');
  lua_pushstring(L, line);
  lua_rawseti(L, -2, i);
  if (!colon) return;
  lua_pushlstring(L, line, (size_t)(colon - line));
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) == LUA_TNIL) {
    lua_pushstring(L, colon + 1);
    lua_replace(L, -2);
    lua_rawset(L, -3);
  } else {
    lua_pop(L, 2);
  }
}

static int certinfo_body(lua_State *L) {
  const struct curl_certinfo *info = lua_touserdata(L, 1);
  lua_createtable(L, info->num_of_certs, 0);
  for (int cert = 0; cert < info->num_of_certs; cert++) {
    lua_Integer count = 0;
    lua_newtable(L);
    for (const struct curl_slist *s = info->certinfo[cert]; s; s = s->next)
      add_line(L, s->data, ++count);
    lua_rawseti(L, -2, cert + 1);
  }
  return 1;
}

/* The certificates stay libcurl's: the frame has a finalizer that closes the easy, or
 * starts a transfer, wait until they were read. */
static CURLcode read_certinfo(lua_State *L, struct cs_easy *e, CURLINFO id) {
  struct curl_certinfo *info = NULL;
  struct cs_frame f;
  int failed = 0;
  cs_enter(&f, L, &e->h, 1);
  CURLcode code = curl_easy_getinfo(e->curl, id, &info);
  if (!code) {
    lua_pushcfunction(L, certinfo_body);
    lua_pushlightuserdata(L, info);
    failed = cs_pcall(&f, 1, 1);
  }
  cs_leave(&f);
  if (failed) lua_error(L);
  return code;
}

static CURLcode read_active(lua_State *L, struct cs_easy *e, CURLINFO id) {
  const char *name = id == CURLINFO_ACTIVESOCKET ? "activesocket" : "lastsocket";
  const char *call = lua_pushfstring(L, "easy:getinfo(\"%s\")", name);
  const struct cs_socket *s = cs_connection_active(L, e, call);
  if (s)
    lua_pushinteger(L, s->fd);
  else
    lua_pushnil(L);
  return CURLE_OK;
}

/* Before 8.13 libcurl's pointer outlives the connection that has the text, if another
 * handle closes that. */
static CURLcode read_entry_path(lua_State *L, struct cs_easy *e, CURLINFO id) {
  if (cs_version() < 0x080d00) return CS_NOT_SUPPORTED;
  return read_string(L, e, id);
}

static CURLcode refuse_info(lua_State *L, struct cs_easy *e, CURLINFO id) {
  (void)e, (void)id;
  luaL_argerror(L, 2, "this information cannot be read from Lua");
  return CURLE_UNKNOWN_OPTION;
}

static reader *find_reader(CURLINFO id) {
  static const struct {
    CURLINFO id;
    reader *read;
  } special[] = {
      {CURLINFO_ACTIVESOCKET, read_active},
      {CURLINFO_LASTSOCKET, read_active},
      {CURLINFO_CERTINFO, read_certinfo},
      {CURLINFO_FTP_ENTRY_PATH, read_entry_path},
      {CURLINFO_TLS_SSL_PTR, refuse_info},
      {CURLINFO_TLS_SESSION, refuse_info},
      {CURLINFO_PRIVATE, refuse_info},
      {CURLINFO_HTTP_VERSION, read_version},
      {CURLINFO_PROTOCOL, read_protocol},
      {CURLINFO_HTTPAUTH_AVAIL, read_auth},
      {CURLINFO_PROXYAUTH_AVAIL, read_auth},
      {LONG_INFO(69), read_auth}, /* httpauth_used, proxyauth_used */
      {LONG_INFO(70), read_auth},
  };
  static const struct {
    int type;
    reader *read;
  } types[] = {{CURLINFO_STRING, read_string},
               {CURLINFO_LONG, read_long},
               {CURLINFO_DOUBLE, read_double},
               {CURLINFO_OFF_T, read_off_t},
               {CURLINFO_SLIST, read_list}};
  for (size_t i = 0; i < sizeof special / sizeof *special; i++)
    if (special[i].id == id) return special[i].read;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].type == ((int)id & CURLINFO_TYPEMASK)) return types[i].read;
  return refuse_info;
}

static int compare(const void *name, const void *info) {
  return strcmp(name, ((const struct info *)info)->name);
}

/* libcurl has an old name too, which other bindings still teach. */
static const char *did_you_mean(lua_State *L, const char *name) {
  struct cs_names names = cs_names_of(infos, COUNT);
  if (!strcmp(name, "http_code")) return ": did you mean 'response_code'?";
  return cs_did_you_mean(L, strncmp(name, "CURLINFO_", 9) ? name : name + 9, &names);
}

static const struct info *check_name(lua_State *L, int index) {
  size_t length;
  const struct info *info = NULL;
  const char *name = luaL_checklstring(L, index, &length);
  if (strlen(name) == length) info = bsearch(name, infos, COUNT, sizeof *infos, compare);
  if (info) return info;
  const char *hint = did_you_mean(L, name);
  luaL_argerror(L, index, lua_pushfstring(L, "unknown information '%s'%s", name, hint));
  return NULL;
}

/* ---- curl.infos -------------------------------------------------------------------- */

static int is_old(const struct info *info) { return cs_version() < info->since; }

static const char *type_of(CURLINFO id) {
  static const char *const types[] = {"",      "string", "long", "double",
                                      "slist", "socket", "off_t"};
  int type = (int)id & CURLINFO_TYPEMASK;
  return types[type / CURLINFO_STRING];
}

/* The next one: its number is the upvalue. */
static int next_info(lua_State *L) {
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(1));
  while (i < (lua_Integer)COUNT && is_old(&infos[i])) i++;
  lua_pushinteger(L, i + 1);
  lua_replace(L, lua_upvalueindex(1));
  if (i >= (lua_Integer)COUNT) return lua_pushnil(L), 1;
  lua_pushstring(L, infos[i].name);
  lua_pushstring(L, type_of(infos[i].id));
  return 2;
}

/* curl.infos(): an iterator over what easy:getinfo knows of this libcurl, by name: the
 * name, and libcurl's type: "string", "long", "double", "off_t", "slist" or "socket".
 * -> (fun(): string?, string?) */
int cs_infos(lua_State *L) {
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_info, 1);
  return 1;
}

/* easy:getinfo(name): what libcurl knows about the last transfer, by libcurl's names in
 * lower case. Strings (nil for none); integers, also for truth values; times as
 * seconds, and those with "_t" as microseconds; floats for "size_download" and what else
 * libcurl deprecates for another with "_t"; lists ("cookielist"); what setopt takes for
 * "http_version" ("1.1", "2"; nil before an answer), "protocol" ("https") and, as lists
 * of names, "httpauth_avail", "httpauth_used" and those of a proxy; "activesocket" as a
 * descriptor or nil; "certinfo" as a list with a table for each certificate, which has
 * its lines as a list and, by name, the value of each. Returns nil, message, name if this
 * libcurl does not have it ("ftp_entry_path": before 8.13.0, "NOT_SUPPORTED"). Raises an
 * error for an unknown name, for what has no Lua value, and for the socket inside a
 * callback.
 * -> value: any | nil, message, name */
int cs_easy_getinfo(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  const struct info *info = check_name(L, 2);
  lua_settop(L, 2);
  if (is_old(info))
    return cs_fail_old(L, lua_pushfstring(L, "information '%s'", info->name), info->since,
                       cs_easy_name(CURLE_UNKNOWN_OPTION));
  CURLcode code = find_reader(info->id)(L, e, info->id);
  return code ? cs_fail_easy(L, code) : 1;
}
