/* SPDX-License-Identifier: MIT
 *
 * version.c - curl.version_info: what libcurl this is, and what it was built with.
 */
#include "describe.h"

static void set_names(lua_State *L, const char *field, const char *const *names) {
  lua_newtable(L);
  for (int i = 0; names && names[i]; i++) {
    lua_pushstring(L, names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, field);
}

/* Nothing, for one that libcurl does not have. */
static void set_text(lua_State *L, const char *field, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

/* What came after the oldest header that this compiles with. */
static void set_newer(lua_State *L, const curl_version_info_data *info) {
#if LIBCURL_VERSION_NUM >= 0x075700
  if (info->age >= CURLVERSION_ELEVENTH) set_names(L, "features", info->feature_names);
#endif
#if LIBCURL_VERSION_NUM >= 0x080800
  if (info->age >= CURLVERSION_TWELFTH) set_text(L, "rtmp_version", info->rtmp_version);
#endif
  (void)L, (void)info;
}

static void set_libraries(lua_State *L, const curl_version_info_data *info) {
  set_text(L, "ssl_version", info->ssl_version);
  set_text(L, "libz_version", info->libz_version);
  set_text(L, "ares", info->ares);
  set_text(L, "libidn", info->libidn);
  set_text(L, "libssh_version", info->libssh_version);
  set_text(L, "brotli_version", info->brotli_version);
  set_text(L, "nghttp2_version", info->nghttp2_version);
  set_text(L, "quic_version", info->quic_version);
  set_text(L, "zstd_version", info->zstd_version);
  set_text(L, "hyper_version", info->hyper_version);
  set_text(L, "gsasl_version", info->gsasl_version);
}

/* curl.version_info(): what libcurl this is: a table of
 *   version       "7.88.1"
 *   version_num   0x075801
 *   host          for which system it was built
 *   protocols     list of names
 *   features      list of names, where libcurl tells them (7.87)
 *   ssl_version, libz_version, ares, libidn, libssh_version, brotli_version,
 *   nghttp2_version, quic_version, zstd_version, hyper_version, gsasl_version,
 *   rtmp_version
 *                 the libraries that it was built with, as texts; nil for none
 *   cainfo, capath
 *                 where it looks for certificates
 * -> VersionInfo */
int cs_version_info(lua_State *L) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  lua_createtable(L, 0, 18);
  set_text(L, "version", info->version);
  lua_pushinteger(L, (lua_Integer)info->version_num);
  lua_setfield(L, -2, "version_num");
  set_text(L, "host", info->host);
  set_names(L, "protocols", info->protocols);
  set_text(L, "cainfo", info->cainfo);
  set_text(L, "capath", info->capath);
  set_libraries(L, info);
  set_newer(L, info);
  return 1;
}
