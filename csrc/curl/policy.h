/* SPDX-License-Identifier: MIT
 *
 * policy.h - what a pool lets in. A policy belongs to whoever owns a connection cache:
 * all that is in the cache has passed it, so a kept connection needs no look.
 */
#ifndef CS_POLICY_H
#define CS_POLICY_H

#include "binding.h"

#pragma GCC visibility push(hidden)

struct cs_known;
struct cs_setting;

/* ---- policy.c: the Policy, and whose decides --------------------------------------- */

enum cs_hook {
  CS_ASK_START,
  CS_ASK_OPEN,
  CS_ASK_SOCKOPT,
  CS_TELL_REQUEST,
  CS_TELL_CLOSE
};

/* User values of a Policy. */
enum {
  CS_UV_NAME = 1,
  CS_UV_HOOKS, /* the first of as many as there are hooks */
  CS_UV_FENCE = CS_UV_HOOKS + CS_TELL_CLOSE + 1, /* list: what fence.c makes of it */
  CS_UV_POOL,                                    /* table: options of a multi */
  CS_UV_ADMIT,
  CS_POLICY_UVS = CS_UV_ADMIT
};

/* On the C heap: handles may outlive their Lua values. */
struct cs_policy {
  int refs;              /* its box, and each handle that has it or is prepared for it */
  unsigned hooks;        /* bit set of those that it has */
  curl_off_t max_body;   /* bytes that a transfer may deliver; 0: any number */
  curl_off_t max_header; /* and of lines of headers */
  struct cs_rail *fence; /* its options (fence.c) */
  int rails;
  lua_Integer asked, opened, refused, reused;
  double revoked; /* when what had been let in was taken back; 0: never */
};

void cs_policy_class_new(lua_State *L);
int cs_policy_make(lua_State *L);    /* curl.policy(table) */
int cs_policy_default(lua_State *L); /* curl.default_policy(policy) */
/* Takes "policy" out of the options at index (which become a copy) for the new handle
 * whose userdata is at self: its user value has the Policy then. Without the option the
 * state's default; *given says which. One more reference, or NULL. [-0, +0, e] */
struct cs_policy *cs_policy_option(lua_State *L, int index, int self, int uservalue,
                                   int *given);
/* A transfer of the easy at index begins, in the multi at index multi or alone: options
 * are set as the policy wants them, and it is asked for the URL. 0, or the number of
 * results that it pushed (nil, message, "REFUSED"). It may call functions of the
 * script, which may close both. [-0, +(0|3), e] */
int cs_policy_enter(lua_State *L, struct cs_easy *e, int index, struct cs_multi *m,
                    int multi, const char *call);

/* ---- revoke.c: what was let in is taken back --------------------------------------- */

int cs_policy_revoke(lua_State *L); /* policy:revoke() */
/* Whether the policy (or NULL) has done that just now: what begins must be renewed. */
int cs_revoke_is_new(const struct cs_policy *p);
/* The easy's transfer, which begins, takes no kept connection. Nothing if the easy was
 * closed or put to use meanwhile. */
void cs_revoke_renew(struct cs_easy *e);

/* ---- owner.c: whose policy decides ------------------------------------------------- */

extern const char cs_policy_class[];
/* The Policy at index, or NULL; cs_policy_check raises an error. */
struct cs_policy *cs_policy_test(lua_State *L, int index);
struct cs_policy *cs_policy_check(lua_State *L, int index);
struct cs_policy *cs_policy_ref(struct cs_policy *p);
/* Lets go of the policy there, or of NULL; NULL stays. */
void cs_policy_drop(struct cs_policy **at);
/* Raises an error if that is the name at index key: it is given when a pool is made. */
void cs_policy_refuse_late(lua_State *L, int key);
/* The policy of the pool that a transfer of the easy uses, in that multi or alone. */
struct cs_policy *cs_policy_in(const struct cs_easy *e, const struct cs_multi *m);
#define cs_policy_of(easy) cs_policy_in(easy, (easy)->multi)
/* Pushes the Policy of the pool that the easy at index uses in the multi at index multi
 * (0: in the one that it is in, or alone); nil if that is gone. [-0, +1] */
void cs_push_policy(lua_State *L, const struct cs_easy *e, int index, int multi);
/* Raises an error if the easy's own policy is not that of the pool, or the share's not
 * that of the multi. */
void cs_policy_check_pair(lua_State *L, const struct cs_easy *e, const struct cs_multi *m,
                          const char *call);
/* Raises an error if the policy of the multi at self has the option. */
void cs_policy_check_pool(lua_State *L, int self, const char *option);
/* It has ended with that code: counts a kept connection. */
void cs_judge_ended(struct cs_easy *e, CURLcode code);
/* It failed because the policy refused. */
int cs_judge_has_refused(const struct cs_easy *e, CURLcode code);

/* ---- judge.c: its hooks ------------------------------------------------------------ */

/* libcurl wants a socket. */
void cs_judge_attempt(struct cs_easy *e);
/* Why no policy lets the socket be made, or NULL. */
const char *cs_judge_kind(const struct cs_easy *e, int socktype);
/* What libcurl fetches now. */
const char *cs_judge_url(const struct cs_easy *e);
/* Asks open about the Address and the Socket (or nil) at these indices, and pushes its
 * answer: a yes is true or a Socket. Whether it is one. [-0, +1, e] */
int cs_judge_open(lua_State *L, struct cs_easy *e, int easy, const char *purpose,
                  int address, int socket);
/* Asks sockopt about the Socket. Whether the answer is yes. [-0, +0, e] */
int cs_judge_sockopt(lua_State *L, struct cs_easy *e, int easy, const char *purpose,
                     int socket);
/* Sets why the policy refused, with the text of the address if there is one, and counts
 * it. The reason is on top. [-1, +0, e] */
void cs_judge_refuse(lua_State *L, struct cs_easy *e, int easy,
                     const struct cs_address *a);
/* Asks start of the Policy at index policy about the easy's URL, before the transfer
 * begins: pushes nil, message, "REFUSED" if it says no (3), else 0. [-0, +(0|3), e] */
int cs_judge_start(lua_State *L, struct cs_policy *p, int easy, int policy);
/* A redirect was followed: asks start about where to. 0 if it says no. */
int cs_judge_hop(struct cs_easy *e);
/* The request would go on a connection that was revoked: 0. */
int cs_judge_age(struct cs_easy *e);
/* The request is sent next: has request told. 0 if it threw. */
int cs_judge_request(struct cs_easy *e);
/* The transfer delivers so many bytes more, of the body or of headers: 0 if these are too
 * many. */
int cs_judge_body(struct cs_easy *e, size_t size);
int cs_judge_header(struct cs_easy *e, size_t size);

/* ---- zone.c: the zone of an IPv6 address ------------------------------------------- */

/* Puts the zone of the URL, else that of option address_scope, into the IPv6 address, as
 * libcurl will do later. */
void cs_judge_zone(lua_State *L, const struct cs_easy *e, int easy, struct cs_address *a);

/* ---- rail.c: what the script sets of a fence's options ----------------------------- */

/* The number of the option, which is stored as that, among those that may stand in a
 * fence; or -1. */
int cs_fence_number(CURLoption stored);
/* Raises an error if the option, which may stand in a fence, must not be set now. */
void cs_fence_check(lua_State *L, const struct cs_setting *s, int unset);
/* The number that the option is set to, by the script or by the fence of the Policy that
 * decides for the easy at that index; 0 for its default, if that is 0. */
lua_Integer cs_fence_value(lua_State *L, const struct cs_easy *e, int easy,
                           CURLoption stored);
/* It was set. [-0, +0, m] */
void cs_fence_note(lua_State *L, const struct cs_setting *s, int unset);

/* ---- said.c: to what the script has set them --------------------------------------- */

/* Sets it to the value at index, which is canonical (fence.h). [-0, +0, e] */
void cs_said_set(lua_State *L, struct cs_easy *e, int number, int index);
void cs_said_unset(struct cs_easy *e, int number);
/* Pushes it; nil for nothing. [-0, +1, m] */
void cs_said_push(lua_State *L, const struct cs_easy *e, int number);
/* Its text; "" for nothing. */
const char *cs_said_text(const struct cs_easy *e, int number, size_t *length);
/* Copies them to the duplicate; 0 without memory. */
int cs_said_copy(struct cs_easy *to, const struct cs_easy *from);
void cs_said_free(struct cs_easy *e);

/* ---- fence.c: the options that a policy forces ------------------------------------- */

/* Reads the fence at index (a table, or nil) into the Policy at index policy. */
void cs_fence_read(lua_State *L, int index, int policy, struct cs_policy *p);
/* Sets what the Policy at index policy (p, or NULL and nil) wants of the easy, and takes
 * back what another wanted. It may call functions of the script: nothing is set of an
 * easy that they have closed, put to use or changed. [-0, +0, e] */
void cs_fence_apply(lua_State *L, struct cs_easy *e, struct cs_policy *p, int policy,
                    const char *call);

#pragma GCC visibility pop

#endif
