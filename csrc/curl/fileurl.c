/* SPDX-License-Identifier: MIT
 *
 * fileurl.c - file:// in libcurls that lose or close a descriptor of it: what can lead
 * there is refused. (spec/upstream has each fault in plain C.)
 *
 * Until 8.14.0 a connection of file:// that stays in a cache is ended by what the
 * transfer that happens to clean up has in the same place: descriptor 0 is closed, or
 * memory is freed that is none. It stays when connect_only is set, or when the progress
 * callback refuses just after the end. Until 8.20.0 one whose path has a %00 closes
 * descriptor 0 by itself.
 */
#include <string.h>
#include <strings.h>

#include "binding.h"

static int is_before(unsigned version) { return cs_version() < version; }

static int is_file(const struct cs_easy *e) {
  const char *scheme = NULL;
  curl_easy_getinfo(e->curl, CURLINFO_SCHEME, &scheme);
  return scheme && !strcasecmp(scheme, "file");
}

static int refuse_body(lua_State *L) {
  struct cs_easy *e = lua_touserdata(L, 2);
  cs_push_easy(L, 1, e->h.rt->frame, e);
  lua_pushliteral(L, "connect_only has no meaning for file://");
  cs_easy_keep(L, -2, CS_UV_REASON);
  return 0;
}

int cs_fileurl_may_stay(struct cs_easy *e) {
  struct cs_frame *f = e->h.rt->frame;
  if (!e->set.connect_only || !is_file(e)) return 1;
  e->unsupported = 1;
  if (f && cs_call(f, refuse_body, e)) cs_easy_error(f, e);
  return 0;
}

int cs_fileurl_holds_refusal(struct cs_easy *e) {
  if (!is_before(0x080e00) || !is_file(e)) return 0;
  e->refused = CURLE_ABORTED_BY_CALLBACK;
  return 1;
}

static int begins_with_file(const char *text) { return !strncasecmp(text, "file", 4); }

/* Whether one of the protocols in the list is file, or all are. */
static int has_file(const char *list) {
  for (; *list; list += strcspn(list, ","), list += *list == ',') {
    size_t n = strcspn(list, ",");
    if (n == 4 && !strncasecmp(list, "file", 4)) return 1;
    if (n == 3 && !strncasecmp(list, "all", 3)) return 1;
  }
  return 0;
}

CURLcode cs_fileurl_check(CURLoption id, const char *text) {
  int bad = 0;
  if (id == CURLOPT_URL) bad = begins_with_file(text) && strstr(text, "%00");
  if (id == CURLOPT_DEFAULT_PROTOCOL) bad = begins_with_file(text);
  if (id == CURLOPT_REDIR_PROTOCOLS_STR) bad = has_file(text);
  if (!bad || !is_before(0x081400)) return CURLE_OK;
  return id == CURLOPT_URL ? CURLE_URL_MALFORMAT : CURLE_UNSUPPORTED_PROTOCOL;
}

CURLcode cs_fileurl_check_bits(long protocols) {
  int bad = protocols & CURLPROTO_FILE && is_before(0x081400);
  return bad ? CURLE_UNSUPPORTED_PROTOCOL : CURLE_OK;
}
