/* SPDX-License-Identifier: MIT
 *
 * fuzz.h - what the targets share. A target is one file, NAME.c, with a fuzz_one. Every
 * input meets the same Lua state, so what an input makes must be gone behind it.
 */
#ifndef CURLSOCK_FUZZ_H
#define CURLSOCK_FUZZ_H

#include <stdint.h>
#include <string.h>

#include "binding.h"

/* The state. Its stack is empty before and after an input; index 1 is never the module: the
 * texts of fuzz_function find that as "curl". */
extern lua_State *L;

/* What the target does with an input. */
void fuzz_one(const uint8_t *data, size_t size);

/* Says which line found a broken promise, and crashes for libFuzzer to keep the input. */
void fuzz_broken(const char *file, int line, const char *promise);
#define MUST(promise)                                                                    \
  do {                                                                                   \
    if (!(promise)) fuzz_broken(__FILE__, __LINE__, #promise);                           \
  } while (0)

/* Pushes the function that the text, a constant, is the body of; made once. */
void fuzz_function(const char *text);
/* Calls the function below the arguments. 1, and the results are on the stack; or 0 and
 * nothing is, when it raised an error: a string, in which one of the two words occurs. */
int fuzz_call(int arguments, int results, const char *word, const char *other);

/* What is left of the input. What is taken beyond its end is zero. */
struct input {
  const uint8_t *at;
  size_t left;
};

void take_bytes(struct input *in, void *to, size_t size);
unsigned take_byte(struct input *in);
/* A text of up to 255 bytes; at most what is left. */
const char *take_text(struct input *in, size_t *length);
/* Pushes any value that a script could have made. */
void push_value(struct input *in);
/* An integer next to a power of two, or that many thousandths or millionths: limits are there. */
void push_edge(struct input *in);
/* Runs calls with a Socket at index 1, which is closed afterwards. */
void fuzz_with_socket(const uint8_t *data, size_t size, void (*calls)(struct input *));

#endif
