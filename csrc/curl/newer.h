/* SPDX-License-Identifier: MIT
 *
 * newer.h - what the headers of some libcurls lack, of 7.85 on. A function that the
 * libcurl at hand lacks is NULL.
 */
#ifndef CURLSOCK_NEWER_H
#define CURLSOCK_NEWER_H

#include <curl/curl.h>

#ifdef __APPLE__
#define MAY_BE_MISSING __attribute__((weak_import))
#else
#define MAY_BE_MISSING __attribute__((weak))
#endif

#if LIBCURL_VERSION_NUM < 0x075600
struct curl_ws_frame {
  int age;
  int flags;
  curl_off_t offset;
  curl_off_t bytesleft;
};
#define CURLWS_TEXT (1 << 0)
#define CURLWS_BINARY (1 << 1)
#define CURLWS_CONT (1 << 2)
#define CURLWS_CLOSE (1 << 3)
#define CURLWS_PING (1 << 4)
#define CURLWS_PONG (1 << 6)
extern CURLcode curl_ws_recv(CURL *curl, void *buffer, size_t size, size_t *got,
                             const struct curl_ws_frame **frame) MAY_BE_MISSING;
extern CURLcode curl_ws_send(CURL *curl, const void *bytes, size_t size, size_t *sent,
                             curl_off_t whole, unsigned flags) MAY_BE_MISSING;
extern struct curl_ws_frame *curl_ws_meta(CURL *curl);
#endif
#pragma weak curl_ws_meta

#ifndef CURL_WRITEFUNC_ERROR /* 7.87 */
#define CURL_WRITEFUNC_ERROR 0xFFFFFFFF
#endif

/* 8.16 */
extern CURLcode curl_ws_start_frame(CURL *curl, unsigned flags,
                                    curl_off_t size) MAY_BE_MISSING;

#endif
