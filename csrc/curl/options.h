/* SPDX-License-Identifier: MIT
 *
 * options.h - how options are set, and what their values are called.
 */
#ifndef CS_OPTIONS_H
#define CS_OPTIONS_H

#include "binding.h"

#pragma GCC visibility push(hidden)

struct cs_known;

/* ---- naming.c: what the values of an option are called ----------------------------- */

struct cs_name {
  const char *name;
  long value;
};

enum { CS_FLAGS = 1, CS_VERSION = 2 };

struct cs_naming {
  CURLoption id;
  int flags;                   /* several may be or-ed; a number is a version */
  const struct cs_name *names; /* to one without name */
};

/* The names of an option's values, or NULL. */
const struct cs_naming *cs_naming_of(CURLoption id);

/* ---- value.c: what a Lua value means as the number of an option -------------------- */

struct cs_range {
  CURLoption id;
  long long least, most;
};

/* The range of an option that is a number and no flag, or NULL. */
const struct cs_range *cs_range_of(CURLoption id);
/* The number that the value at index means for the option: an integer, a boolean, a name
 * or a list of names that are or-ed. Raises an error that names option and choices. */
curl_off_t cs_value(lua_State *L, const struct cs_known *k, const char *option,
                    int index);
/* Pushes what setopt calls this value of the option, or the number; cs_push_flags a list
 * of these, one for each bit. [-0, +1] */
void cs_push_named(lua_State *L, CURLoption id, unsigned long value);
void cs_push_flags(lua_State *L, CURLoption id, unsigned long value);

/* ---- setter.c: how an option is set ------------------------------------------------ */

/* One option that is being set. */
struct cs_setting {
  struct cs_easy *e;
  int self; /* stack index of its userdata */
  const struct cs_known *known;
  const char *name; /* as the script gave it: maybe an alias */
  int value;        /* stack index */
};

typedef CURLcode cs_setter(lua_State *L, const struct cs_setting *s);

struct cs_setters {
  cs_setter *set, *unset; /* unset may be NULL */
};

const struct cs_setters *cs_setters_of(const struct curl_easyoption *option);
/* The string that is to be set, checked; and pushes the strings of a list, one after the
 * other, each with a NUL. [-0, +(0|1), e] */
const char *cs_setting_text(lua_State *L, const struct cs_setting *s);
const char *cs_setting_items(lua_State *L, const struct cs_setting *s, size_t *length);
/* Sets the list option to such items, so many bytes. */
CURLcode cs_list_set(struct cs_easy *e, CURLoption id, const char *items, size_t length);
/* The setter of what has no value in Lua: raises an error. */
cs_setter cs_refuse_option;

/* ---- order.c: the options of one table --------------------------------------------- */

struct cs_item {
  const struct cs_known *known;
  int rank, key; /* key: stack index of the name; the value is above it */
};

enum { CS_FEW = 16 };

/* In the order in which they are set. */
struct cs_items {
  struct cs_item *at, few[CS_FEW];
  int count, size;
  int buffer; /* stack index of a userdata, when there are more than a few */
};

/* Reserves a place on the stack. [-0, +1] */
void cs_items_begin(lua_State *L, struct cs_items *t);
/* Adds the option whose name is at index key, and its value above. Raises an error if the
 * table sets the same twice. */
void cs_items_add(lua_State *L, struct cs_items *t, const struct cs_known *k, int key);
int cs_place_of(CURLoption id);         /* among others */
int cs_changes_method(CURLoption id);   /* libcurl sends another method, or body, then */
CURLoption cs_stored_as(CURLoption id); /* the same for those that set the same */

/* ---- line.c: what goes on the wire as a line --------------------------------------- */

/* The strings of this option must have no CR and no LF. */
int cs_is_line(CURLoption id);

/* ---- unknown.c: options that there are not ----------------------------------------- */

/* Raises an error that names an option like the name at index key. */
int cs_unknown_option(lua_State *L, int key);
/* Raises an error if the value at index, an absolute one, is the module: curl:easy{...},
 * with that name. */
void cs_refuse_module(lua_State *L, int index, const char *name);

/* ---- option.c: easy options by libcurl's own description --------------------------- */

/* What is known of an option: found once for each name and state. */
struct cs_known {
  const struct curl_easyoption *option;
  const struct cs_setters *setters;
  const struct cs_naming *naming; /* or NULL */
  const struct cs_range *range;   /* or NULL */
  int line;                       /* no CR, no LF */
  int fence;                      /* its number among those of fence.c, or -1 */
  int place;
  CURLoption stored;
};

/* What is known of the option whose name is at index key, or NULL. [-0, +0, e] */
const struct cs_known *cs_known_named(lua_State *L, int key);
int cs_easy_setopt(lua_State *L); /* easy:setopt(name, value) or easy:setopt{...} */
int cs_easy_unset(lua_State *L);  /* easy:unset(name) */
/* Sets every option of the table at index on the easy at self. 0, or the number of
 * results (nil, message, name) that it pushed. */
int cs_setopt_table(lua_State *L, struct cs_easy *e, int self, int index);

#pragma GCC visibility pop

#endif
