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

#define I64(view) ((int64_t *)(view).buf)
#define I16(view) ((int16_t *)(view).buf)
#define U8(view) ((uint8_t *)(view).buf)
#define F32(view) ((float *)(view).buf)
#define F64(view) ((double *)(view).buf)
#define ITEMS(view) ((view).len / (view).itemsize)

#endif
