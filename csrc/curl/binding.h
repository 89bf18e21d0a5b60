/* SPDX-License-Identifier: MIT
 *
 * binding.h - easies, multis and shares: one section a file; their options are in
 * options.h. Includes net.h and libcurl.
 */
#ifndef CS_BINDING_H
#define CS_BINDING_H

#include <stdio.h>

#include "handles.h"

#pragma GCC visibility push(hidden)

struct pollfd;

/* ---- age.c: which libcurl runs ----------------------------------------------------- */

unsigned cs_version(void); /* 0x075801 for 7.88.1 */

/* ---- error.c: how libcurl failed --------------------------------------------------- */

/* What an option is refused with that this libcurl has, and cannot do well. */
#define CS_NOT_SUPPORTED ((CURLcode)-1)

/* Each pushes nil, message, name and returns 3. */
int cs_fail_easy(lua_State *L, CURLcode code);
int cs_fail_multi(lua_State *L, CURLMcode code);
int cs_fail_share(lua_State *L, CURLSHcode code);
int cs_fail_url(lua_State *L, CURLUcode code);
/* The same, with that name, for what, "flag 'get_empty'", for which this libcurl is too
 * old: it needs version since, 0x080800. */
int cs_fail_old(lua_State *L, const char *what, unsigned since, const char *name);
/* Names the option in the message of these results, and returns how many there are. */
int cs_name_option(lua_State *L, const char *option, int results);
/* "COULDNT_CONNECT"; "NOT_SUPPORTED" for CURLE_NOT_BUILT_IN. */
const char *cs_easy_name(CURLcode code);

/* ---- lists.c: what an easy keeps for libcurl --------------------------------------- */

/* A transfer may be reading the options now. */
int cs_easy_is_busy(const struct cs_easy *e);
/* Puts a copy of the string before the list's end. 0 without memory. */
int cs_list_append(struct curl_slist ***end, const char *text);
/* Another FILE for the same open file, or NULL and errno: the script may close its own
 * at any time, and when the state is closed, Lua may do so before libcurl writes the
 * last line. */
FILE *cs_file_copy(FILE *from);
/* Sets the option to value (NULL: nothing), a list or for "stderr" a FILE, which
 * belongs to the easy from now on. */
CURLcode cs_list_keep(struct cs_easy *e, CURLoption id, void *value);
/* Copies the lists of from to its duplicate. */
CURLcode cs_lists_copy(struct cs_easy *to, const struct cs_easy *from);
void cs_lists_free(struct cs_easy *e);
void cs_lists_free_outdated(struct cs_easy *e); /* the transfer has ended */

/* What a mimepost is: curl_mime, and what those parts point to that a function gives. */
struct cs_mimepart {
  struct cs_mimepart *next;
  struct cs_easy *easy;
  int call;             /* where its functions are (mime.h) */
  char *rest;           /* what the function gave too much, so long, or NULL */
  size_t length, given; /* given: of rest */
};
struct cs_mime {
  curl_mime *mime;
  struct cs_mimepart *parts;
};
void cs_mime_free(struct cs_mime *m);

/* ---- terminal.c: telnetoptions that the script has not set ------------------------- */

/* Nobody's to free or change; NULL for none. */
struct curl_slist *cs_terminal(void);

/* ---- raretable.c: the table of what few easies have -------------------------------- */

/* Pushes what the easy at index has of that, or nil. [-0, +1] */
void cs_rare_push(lua_State *L, int index, int which);
/* Sets it to the value at index; nil needs no memory. [m] */
void cs_rare_set(lua_State *L, int self, int which, int index);
/* Gives the easy at index to a copy of what another has. [m] */
void cs_rare_copy(lua_State *L, int from, int to);

/* ---- owner.c: who owns the pool ---------------------------------------------------- */

/* Whose connection cache a transfer of the easy uses. */
struct cs_pool *cs_easy_pool(const struct cs_easy *e);

/* ---- transfer.c: what trampolines need of an easy ---------------------------------- */

/* Pushes the easy's userdata, found from the frame's handle at index; an empty box if
 * that does not lead to it. [-0, +1] */
void cs_push_easy(lua_State *L, int index, const struct cs_frame *f,
                  const struct cs_easy *e);
/* Sets what the easy at index has of its running transfer alone (CS_UV_ERROR,
 * CS_UV_REASON or CS_UV_REST) to the value on top of the stack. [-1, +0] */
void cs_easy_keep(lua_State *L, int index, int uservalue);
/* Takes the error on top of the stack as that of e's transfer, and has libcurl abort it.
 * [-1, +0] */
void cs_easy_error(struct cs_frame *f, struct cs_easy *e);
/* Has libcurl abort the transfer as soon as it can; and back to what the script wants. */
void cs_easy_abort(struct cs_easy *e);
void cs_easy_restore(struct cs_easy *e);
/* Has libcurl offer what connect_only can bear, or what the script wants. */
void cs_easy_choose_version(struct cs_easy *e);
/* Notes what the script sets the option to, if it is one that cs_easy_abort uses (1). */
int cs_easy_note(struct cs_easy *e, CURLoption id, long value);
/* Notes where the last transfer had its connection; NULL: nowhere. */
void cs_easy_set_last(struct cs_easy *e, struct cs_pool *pool);

/* ---- result.c: how a transfer ends ------------------------------------------------- */

/* Pushes the results of a transfer: true, or nil, message, name. Returns how many.
 * [-0, +n] */
int cs_easy_result(lua_State *L, struct cs_easy *e, int self, CURLcode code);
/* What the transfer opened is over: the sockets that libcurl closed without telling get
 * their event. */
void cs_easy_ended(struct cs_frame *f, struct cs_easy *e);
/* A transfer ends with that code, in the pool that it used: the code that it has. */
CURLcode cs_easy_finish(struct cs_frame *f, struct cs_easy *e, CURLcode code);

/* ---- bond.c: which multis and shares are connected --------------------------------- */

/* The easy is about to be in the multi: 0 without memory. */
int cs_bond_enter(struct cs_easy *e, struct cs_multi *m);
void cs_bond_leave(struct cs_easy *e);
void cs_bond_reach_shares(struct cs_link *list, const struct cs_multi *m);
void cs_bond_reach_multis(struct cs_link *list, const struct cs_share *s);

/* ---- answer.c: what a callback returned -------------------------------------------- */

enum cs_answer {
  CS_YES,     /* true, or a file */
  CS_NO,      /* false, or nil with a reason after it */
  CS_NOTHING, /* nothing, or nil alone: goes on, but where the purpose is to allow */
  CS_PAUSE,   /* curl.PAUSE */
  CS_OTHER
};

/* The unique value of curl.PAUSE. */
void cs_push_pause(lua_State *L);
/* What the value at index, and a reason that follows it, mean. */
enum cs_answer cs_answer_at(lua_State *L, int index);
/* Keeps the reason, unless it is nil, for the message of the transfer of the easy at
 * index easy. [-0, +0, e] */
void cs_keep_reason(lua_State *L, int easy, int reason);
/* Raises "NAME: must return EXPECTED, got VALUE". */
int cs_wrong_answer(lua_State *L, const char *name, const char *expected, int index);

/* ---- fileurl.c: file:// in libcurls that lose or close a descriptor ---------------- */

/* No connection of file:// may stay: 0, and the reason is kept. */
int cs_fileurl_may_stay(struct cs_easy *e);
/* The transfer is one that must not be refused by the progress callback: it is refused by
 * all others, and in its result. */
int cs_fileurl_holds_refusal(struct cs_easy *e);
/* Refuses what is unsafe in the text, or the bits of protocols, of that option. */
CURLcode cs_fileurl_check(CURLoption id, const char *text);
CURLcode cs_fileurl_check_bits(long protocols);

/* ---- callback.c: the callback options of an easy ----------------------------------- */

/* Sets what every easy has from its creation (write and read: libcurl would print). */
CURLcode cs_callbacks_install(struct cs_easy *e);
/* Sets the callback option name (already known to be of type FUNCTION) of the easy at
 * self to the value at index; nil removes it. Raises for a wrong type, or for a
 * function option that cannot be set from Lua. */
CURLcode cs_callback_set(lua_State *L, struct cs_easy *e, int self, const char *name,
                         int index);
/* Has libcurl call for headers if anybody wants that. */
void cs_header_install(struct cs_easy *e);
/* Has libcurl tell, or no longer, what the policy wants to know under which e is now. */
CURLcode cs_callback_policy(struct cs_easy *e);
/* Forgets what an earlier transfer of e left. */
void cs_easy_begin(lua_State *L, struct cs_easy *e, int self);

/* ---- pause.c: a transfer that waits for the script --------------------------------- */

int cs_easy_pause(lua_State *L);   /* easy:pause([what]) */
int cs_easy_unpause(lua_State *L); /* easy:unpause([what]) */

/* ---- poll.c: the multi's own descriptor -------------------------------------------- */

/* What libcurl waits for on one descriptor. */
struct cs_watch {
  uint32_t generation; /* each new watch of the number is another one */
  int events;          /* CURL_POLL_IN, CURL_POLL_OUT or both; 0: not watched */
  int parked;  /* what the kernel still watches for, though libcurl does not wait */
  int kept;    /* the script does, because libcurl forgets it (struct cs_easy, control) */
  int counted; /* in the multi's watched */
};

/* What has happened on a descriptor; fd is negative for the timer. */
struct cs_ready {
  int fd;
  uint32_t generation;
  int events; /* CURL_POLL_IN, CURL_POLL_OUT, CS_POLL_ERROR */
};

enum { CS_POLL_ERROR = 16 };

/* Makes descriptor and timer: 0 or an errno. */
int cs_poll_open(struct cs_multi *m);
/* Watches as w says, or no longer; old is what was watched. 0 or an errno. */
int cs_poll_set(const struct cs_multi *m, int fd, const struct cs_watch *w, int old);
/* Makes the timer readable at that time, unless it will be earlier: then the step that it
 * causes arms it again. */
void cs_poll_arm(struct cs_multi *m, double when);
/* The timer is not readable any more. */
void cs_poll_disarm(struct cs_multi *m);
/* What is ready now, at most size of it: how many, or -1 when the script has closed the
 * descriptor. */
int cs_poll_read(const struct cs_multi *m, struct cs_ready *ready, int size);
/* A descriptor in which nothing is watched but the timer, or -1 and errno; and puts
 * that in place of the multi's. */
int cs_poll_new(const struct cs_multi *m);
void cs_poll_replace(const struct cs_multi *m, int epoll);
/* Closes both, unless their numbers are those of strangers by now. */
void cs_poll_close(struct cs_multi *m);
/* Waits for the descriptor and n others, which stand in fds from its second place on (if
 * it is not NULL), at most so many milliseconds: how many are ready; -1 and errno if it
 * fails. */
int cs_poll_wait(const struct cs_multi *m, struct pollfd *fds, int n, int ms);

/* ---- wait.c ------------------------------------------------------------------------ */

int cs_multi_poll(lua_State *L); /* multi:poll(seconds [, descriptors]) */

/* ---- tell.c: what a multi tells the script's event loop ---------------------------- */

/* socketfunction(fd, events or nil, the easy of curl or nil). No frame: nobody hears. */
void cs_tell_socket(struct cs_frame *f, struct cs_multi *m, CURL *curl, int fd,
                    int events);
/* timerfunction(seconds); negative: nil. */
void cs_tell_timer(struct cs_frame *f, struct cs_multi *m, double seconds);
/* That a descriptor cannot be watched: an error. */
void cs_tell_failure(struct cs_frame *f, const char *why);
/* The easy of the script's, or NULL for one that libcurl made for itself. */
struct cs_easy *cs_tell_easy(CURL *curl);
/* "r", "w" or "rw", of libcurl's; NULL for none. */
const char *cs_tell_name(int events);
/* Whether the multi's functions are found from the frame's handle. */
int cs_tell_reaches(const struct cs_frame *f, const struct cs_multi *m);

/* ---- event.c: a multi as a guest in somebody's event loop -------------------------- */

/* If name is "socketfunction" or "timerfunction", sets that option of the multi at
 * index self to the function or nil at index, and returns 1. Raises an error for
 * another type. */
int cs_event_set(lua_State *L, struct cs_multi *m, int self, const char *name, int index);
int cs_event_pollfd(lua_State *L);  /* multi:pollfd() */
int cs_event_events(lua_State *L);  /* multi:events() */
int cs_event_watches(lua_State *L); /* multi:watches() */
/* Handles what is ready on the multi's own descriptor, in a frame. */
CURLMcode cs_event_step(struct cs_multi *m);
/* Makes that descriptor ready, for wakeup. */
void cs_event_wake(struct cs_multi *m);
/* There is a result, though nothing has happened: the event loop is to look soon. */
void cs_event_soon(struct cs_frame *f, struct cs_multi *m);
/* The script says that the descriptor is ready, which libcurl may not wait for
 * (forget.c). */
void cs_event_heard(struct cs_frame *f, struct cs_multi *m, int fd);
/* The socket is about to be closed: nobody may watch its descriptor any longer. */
void cs_event_unwatch(struct cs_frame *f, struct cs_handle *multi, struct cs_socket *s);
/* A descriptor was opened for e, which is in a multi: an old watch of its number is
 * stale. Or none was (fd is negative): the address was refused. */
void cs_event_opened(struct cs_frame *f, struct cs_easy *e, int fd);
/* Frees what the multi watches by, and tells nobody. */
void cs_event_free(struct cs_multi *m);
/* The multi's libcurl handle is gone: ends its watches, timer and descriptors. */
void cs_event_end(struct cs_frame *f, struct cs_multi *m);

/* Says when the multi is to be called next. */
void cs_event_tell_time(struct cs_frame *f, struct cs_multi *m);
/* The earlier of so many seconds (negative: none) from now and the time that parting.c
 * has set. */
double cs_event_sooner(const struct cs_multi *m, double seconds);

/* ---- datagram.c: connections over UDP ---------------------------------------------- */

/* A request is about to be sent: its connection may be dead. */
void cs_datagram_doubt(struct cs_easy *e);
/* Something of the answer has come, or the transfer has ended. */
void cs_datagram_trust(struct cs_easy *e);
/* libcurl's options were copied. */
void cs_datagram_copy(struct cs_easy *to, const struct cs_easy *from);

/* ---- parting.c: connections that libcurl has ended, but not closed yet ------------- */

/* A step has ended, and so many transfers in it: when libcurl is to be called for what it
 * has not closed yet. */
void cs_parting_look(struct cs_frame *f, struct cs_multi *m, int ended);
/* Calls it, if that time has come. */
CURLMcode cs_parting_call(struct cs_multi *m);

/* ---- sockcall.c: the three socket trampolines -------------------------------------- */

/* Sets the trampolines on a new, reset or duplicated easy. */
CURLcode cs_sockcall_install(struct cs_easy *e);

/* ---- share.c: what several easies share -------------------------------------------- */

int cs_share_new(lua_State *L); /* curl.share(options) */
void cs_share_class_new(lua_State *L);
/* ---- using.c: an easy uses a share ------------------------------------------------- */

/* Ends e's use of its share; frees a dying share whose last user this was. */
void cs_share_leave(struct cs_frame *f, struct cs_easy *e);
/* Sets option share of the easy at self to the value at index (nil: none). */
CURLcode cs_share_use(lua_State *L, struct cs_easy *e, int self, int index);

/* ---- forget.c: what some releases of libcurl forget to wait for -------------------- */

/* It may wait for nothing. */
void cs_forget_suspect(struct cs_multi *m, struct cs_easy *e);
/* The descriptor of e is watched, or no longer: what that says of it. */
void cs_forget_look(struct cs_multi *m, struct cs_easy *e, int fd, int watched);
/* A step has ended: has libcurl go on with the transfers that it may have forgotten. */
void cs_forget_drive(struct cs_multi *m, CURLMcode code);
/* A descriptor was opened for the easy, or refused. */
void cs_forget_opened(struct cs_multi *m, struct cs_easy *e);
/* The easy leaves its multi. */
void cs_forget_drop(struct cs_easy *e);
/* libcurl does not wait for it any more: whether the script is to go on watching it. */
int cs_forget_control(struct cs_multi *m, struct cs_easy *e, int fd);
/* Such a descriptor is ready: what waits for it goes on. Whether it is to be watched any
 * longer: it may not be read for a while. */
int cs_forget_heard(struct cs_multi *m, int fd);
/* curl_multi_poll forgets it, too: how long it may wait, of so many milliseconds. */
int cs_forget_longest(const struct cs_multi *m, int ms);

/* ---- member.c: an easy enters a multi and leaves it -------------------------------- */

/* Links the multi and the easy at indices 1 and 2, before libcurl runs; value 3 is what
 * stands for it in results, or nil. [m] */
void cs_member_enter(lua_State *L, struct cs_multi *m, struct cs_easy *e);
/* The reverse, for the easy at index; cannot raise. */
void cs_member_leave(lua_State *L, int easy, struct cs_easy *e);
/* Takes e out of its multi, in frame f, and out of libcurl's. */
CURLMcode cs_member_detach(struct cs_frame *f, struct cs_easy *e);
/* A copy that a fork made is in no multi any more. */
void cs_member_abandon(struct cs_easy *e);

/* ---- multiopt.c: the options of a multi -------------------------------------------- */

int cs_multi_setopt(lua_State *L); /* multi:setopt(name, value) or multi:setopt{...} */
/* Sets every option of the table at index on the multi at self. 0, or the number of
 * results that it pushed. */
int cs_multi_set_table(lua_State *L, struct cs_multi *m, int self, int index);

/* ---- multi.c: many transfers at once ----------------------------------------------- */

int cs_multi_new(lua_State *L); /* curl.multi(options) */
void cs_multi_class_new(lua_State *L);

/* ---- easy.c: one transfer ---------------------------------------------------------- */

int cs_easy_new(lua_State *L); /* curl.easy(options) */
void cs_easy_class_new(lua_State *L);

#pragma GCC visibility pop

#endif
