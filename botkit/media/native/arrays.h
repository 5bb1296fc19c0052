/* Borrowing the arrays that a call from Python brings, all of them or none. */
#ifndef BOTKIT_ARRAYS_H
#define BOTKIT_ARRAYS_H

#include "native.h"

enum { ARRAYS_MAX = 20 };

/* What an array must be: bytes an item, how many dimensions (0: any), and whether it is written to. */
struct kind {
  Py_ssize_t size;
  int dims, writable;
};

/* Borrow `count` arrays, of `kinds`, into `views`; 0 and a Python error where there are more or fewer, or one is not
   such an array. Give them back with `give_back`. */
int borrow_each(PyObject *const *arrays, Py_ssize_t given, const struct kind *kinds, Py_buffer *views, int count);

/* Whether `truth`; else a ValueError that says `what`. */
int must(int truth, const char *what);

/* Fetch the line of memory that `address` lies in, for later: what belongs to one of hundreds of calls is not in the
   processor's cache, and one after the other each would be waited for. */
#if defined(__GNUC__)
#define FETCH(address) __builtin_prefetch(address)
#else
#define FETCH(address) ((void)(address))
#endif

enum { AHEAD = 8, LINE = 64 }; /* rows that are fetched ahead; bytes of such a line */

/* Fetch some bytes. */
static inline void fetch(const void *from, Py_ssize_t bytes) {
  for (Py_ssize_t at = 0; at < bytes + LINE - 1; at += LINE) FETCH((const char *)from + at);
}

/* A function that is compiled with all that it calls for wider vectors, too, where the loader can choose. What comes out
   is the same to the bit: AVX2 alone has no fused multiplication and addition. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) && \
    !defined(__SANITIZE_ADDRESS__)
#define WIDE __attribute__((target_clones("avx2", "default"), flatten))
#else
#define WIDE
#endif

#define I64(view) ((int64_t *)(view).buf)
#define I16(view) ((int16_t *)(view).buf)
#define U8(view) ((uint8_t *)(view).buf)
#define F32(view) ((float *)(view).buf)
#define F64(view) ((double *)(view).buf)
#define ITEMS(view) ((view).len / (view).itemsize)

#endif
