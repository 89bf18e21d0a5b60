/* SPDX-License-Identifier: MIT
 *
 * handles.h - what an easy, a multi and a share consist of. A part of binding.h.
 */
#ifndef CS_HANDLES_H
#define CS_HANDLES_H

#include <curl/curl.h>

#include "net.h"

struct cs_bond;
struct cs_easy;
struct cs_multi;
struct cs_policy;
struct cs_said;
struct cs_share;

/* Callbacks an easy can have; each is a user value of the easy, CS_UV_OWN + number. Those
 * that few easies have are in one table, CS_UV_RARE. */
enum cs_callback {
  CS_OPENSOCKET,
  CS_CLOSESOCKET,
  CS_SOCKOPT,
  CS_WRITE,
  CS_HEADER,
  CS_READ,
  CS_SEEK,
  CS_XFERINFO,
  CS_DEBUG,
  CS_PREREQ,
  CS_NCALLBACKS,
  CS_TRAILER = CS_NCALLBACKS,
  CS_RESOLVER_START,
  CS_INTERLEAVE,
  CS_HSTSREAD,
  CS_HSTSWRITE,
  CS_SSH_HOSTKEY,
  CS_SSH_KEY,
  CS_CHUNK_BGN,
  CS_CHUNK_END,
  CS_FNMATCH,
  CS_MIME /* no callback: what mimepost was set to */
};

enum {
  CS_UV_SHARE = CS_UV_OWN + CS_NCALLBACKS, /* the share that it uses */
  CS_UV_MULTI,                             /* the multi that it is in */
  CS_UV_RARE,                              /* table of its rare callbacks, or nil */
  CS_UV_POLICY,                            /* of its own pool */
  CS_UV_ERROR,                             /* what a callback of this transfer threw */
  CS_UV_REASON,                            /* why a callback refused (a string) */
  CS_UV_REST,                              /* what readfunction returned too much */
  CS_UV_VALUE,                             /* what multi:add was given for its result */
  CS_UV_URL,                               /* what the script has set */
  CS_EASY_UVS = CS_UV_URL
};

/* What the script has set: dup copies it, reset clears it. */
struct cs_set {
  unsigned callbacks;  /* bit set of the callbacks that Lua has set */
  unsigned files;      /* those of them that are files */
  int source;          /* readfunction is a file or a string */
  int noprogress;      /* as the script wants it */
  long connecttimeout; /* as the script wants it, in milliseconds; 0: the default */
  int fields;          /* postfields were set: libcurl has their size */
  int wildcard;        /* libcurl may put its own write callback in place of ours */
  int connect_only;    /* it is set: no transfer of file:// may be */
  int hsts;            /* libcurl has files to read into the HSTS cache */
  int forbid_reuse;    /* as the script, or a fence, wants it */
  int mime;            /* mimepost is the body */
  long http_version;   /* as the script, or a fence, wants it */
  uint64_t said;       /* which of those that may stand in a fence (fence.c) */
};

struct cs_easy {
  struct cs_handle h;
  CURL *curl;
  struct cs_set set;
  struct cs_list *lists;    /* what libcurl does not copy (lists.c) */
  struct cs_list *outdated; /* replaced lists that the running transfer may still read */
  struct cs_multi *multi;   /* that it is in */
  struct cs_share *share;   /* that it uses */
  struct cs_bond *bond;     /* of these two, if it has both */
  struct cs_link in_multi, in_share, in_done, in_idle, in_controls;
  struct cs_pool *last; /* where the last transfer had its connection, or NULL */

  struct cs_policy *policy; /* of its own pool, or NULL */
  int own_policy;           /* that was given, and is no default */
  struct cs_policy *under;  /* whose fence its options are set for, or NULL */
  uint64_t fenced;          /* which of these were */
  struct cs_said *said;     /* what the script has set of those (said.c) */
  int stale;                /* the script has set one since */
  unsigned changes;         /* how often it has set one of these, or the URL */

  struct cs_socket *talks; /* on which the script sends and receives, or NULL */
  long http_version;       /* as libcurl has it now, */
  long spoken;             /* and as the last transfer had it: the highest */

  /* Of the transfer that runs, or has ended last. */
  struct cs_link opened; /* sockets that it opened */
  struct cs_socket *on;  /* of its last request, if that was traced */
  int failed;            /* a callback threw: CS_UV_ERROR has it, all else is aborted */
  CURLcode refused;      /* the result, which libcurl does not know of; or CURLE_OK */
  int keeps;             /* what the next one is to forget (cs_easy_keep) */
  int unsupported;       /* refused because this libcurl cannot do it */
  int paused;            /* by a callback or easy:pause: bits of CURLPAUSE_ALL */
  int running;           /* from perform or add to its end */
  lua_Integer transfers; /* that it has begun */
  int asked;             /* the pre-request step was reached: it has had a connection, */
  int kept;              /* which had a request before this one */
  int doubts;            /* until the answer comes its connection may be dead */
  int telling;           /* debugfunction runs: libcurl may point into its strings */
  int barred;            /* the policy has refused it, whatever was dialled */
  int attempts;          /* how often its last hop wanted a socket, */
  int refusals;          /* and how often the policy said no */
  long hop, dialled;     /* redirects, when start and when open were asked last */
  curl_off_t delivered;  /* bytes of the body, where the policy counts them, */
  curl_off_t headed;     /* and of headers */
  size_t rest;           /* bytes of CS_UV_REST that were handed on */
  size_t given;          /* bytes of the string in place of readfunction */
  int reading;           /* readfunction runs: 1; and has begun a WebSocket frame: 2, */
  curl_off_t owed;       /* for which it has so many bytes still to return */
  curl_off_t start;      /* where the file in place of it stood at first, or CS_UNKNOWN */
  char errbuf[CURL_ERROR_SIZE];

  /* As a member of its multi. */
  int slot;        /* where the multi's CS_UV_EASIES has it */
  int leaves;      /* added with a value: it leaves the multi by itself */
  int left;        /* it has: libcurl has removed it */
  CURLcode result; /* while it waits in the multi's done list */
  int ftp;         /* it is counted in the multi's */
  int control;     /* FTP's connection for which libcurl forgets to wait; or -1 */
  int forgotten;   /* how often it may still be driven by that */
};

enum {
  CS_UV_EASIES = CS_UV_OWN, /* table: slot -> easy, for each that was added */
  CS_UV_SOCKETFUNCTION,
  CS_UV_TIMERFUNCTION,
  CS_UV_CLOSED, /* easies that were closed while somebody waits; CS_UV_NEXT is the next */
  CS_UV_MULTI_POLICY,
  CS_MULTI_UVS = CS_UV_MULTI_POLICY
};

struct cs_multi {
  struct cs_handle h;
  CURLM *curl;
  struct cs_policy *policy; /* or NULL */
  int pooled;               /* the options that the policy has for it are set */
  struct cs_link easies;    /* that were added */
  int members;              /* how many, with the closed ones that somebody waits for */
  struct cs_link bonds;     /* with the shares that they use (bond.c) */
  struct cs_link done;      /* those whose result waits to be read */
  struct cs_link idle;      /* those that an old libcurl may have left undriven */
  struct cs_watch *watches; /* what libcurl waits for, by descriptor (event.c) */
  size_t size;              /* slots of watches */
  double deadline;          /* when its timer runs out, by cs_now; negative: never */
  int epoll, timer;         /* pollfd was called: both, or -1 */
  long nonce;               /* by which the timer is known */
  double armed;             /* when timer becomes readable; negative: never */
  int woken;                /* by wakeup, in the step that runs */
  int soon;                 /* results wait: until it is driven its time is now */
  int stepping;             /* cs_event_step looks at the deadline itself */
  int telling;              /* socketfunction or timerfunction runs */
  int forgetful;            /* in event mode, and libcurl is older than 8.4.0 */
  int deaf;                 /* in event mode, and libcurl is 7.87.0 to 8.6.0 */
  struct cs_link controls;  /* easies of which a control connection is watched by us */
  int ftp;                  /* easies that speak FTP, if it is deaf */
  int running;              /* transfers, when libcurl last said */
  int parts;                /* in event mode, and libcurl is 8.9.0 or newer */
  int watched;              /* sockets of the ledger that libcurl waits for */
  int calls;                /* that may still be made for connections that it has ended */
  double parting;           /* when the next is due; negative: none */
};

enum { CS_UV_SHARE_POLICY = CS_UV_OWN, CS_SHARE_UVS = CS_UV_SHARE_POLICY };

struct cs_share {
  struct cs_handle h;
  CURLSH *curl;
  struct cs_policy *policy; /* or NULL */
  struct cs_link easies;    /* that use it */
  struct cs_link bonds;     /* with the multis that they are in */
  int connections;          /* it shares connections: it is a pool */
  int hsts;                 /* it shares the HSTS cache */
};

/* What the binding keeps in the runtime's traits. */
enum {
  CS_NOSIGNAL = 1,       /* libcurl needs no signal to end the resolving of a name */
  CS_NUMBERED = 2,       /* libcurl numbers its connections: from 8.2 on */
  CS_DEFAULT_POLICY = 4, /* default_policy was called */
  CS_DATAGRAMS = 8       /* libcurl was given a socket for datagrams */
};

#endif
