/* Which frames may hold a digit: the twin of digit_sieve.py. */
#include "arrays.h"

#include <string.h>

enum { TONES = 8 };

static float power(const float *z) {
  return z[0] * z[0] + z[1] * z[1];
}

/* Whether a frame may hold a digit, by the amplitudes of the tones in its two halves. */
static int may_be_digit(const float *z, const float *energy, float least) {
  float largest[2] = {0, 0};
  for (int tone = 0; tone < TONES; tone++) {
    float both = power(z + 2 * tone) + power(z + 2 * (TONES + tone)), *so_far = &largest[tone >= TONES / 2];
    if (both > *so_far) *so_far = both;
  }
  float smaller = largest[0] < largest[1] ? largest[0] : largest[1];
  return smaller >= least && largest[0] + largest[1] >= 0.5f * (energy[0] + energy[1]);
}

/* digits_wanted(z, columns, energy, slots, turns, busy, least, z_out, likely_out) -> the rows that are to be read: those
   that may hold a digit, those of slots in which one is in the making, and what follows on them in the same slot. */
static PyObject *digits_wanted(PyObject *self, PyObject *args) {
  PyObject *arrays[8], *rows = NULL;
  float least;
  if (!PyArg_ParseTuple(args, "OOOOOOfOO", &arrays[0], &arrays[1], &arrays[2], &arrays[3], &arrays[4], &arrays[5],
                        &least, &arrays[6], &arrays[7]))
    return NULL;
  static const struct kind kinds[] = {{8, 3, 0}, {8, 1, 0}, {4, 2, 0}, {8, 1, 0},
                                      {8, 1, 0}, {1, 1, 0}, {8, 3, 1}, {1, 1, 1}};
  Py_buffer views[8];
  if (!borrow_each(arrays, 8, kinds, views, 8)) return NULL;
  Py_ssize_t count = ITEMS(views[3]), all = views[0].shape[2], end = ITEMS(views[5]);
  const int64_t *columns = I64(views[1]), *slots = I64(views[3]);
  if (!must(ITEMS(views[0]) == 2 * count * all && ITEMS(views[1]) == TONES && ITEMS(views[2]) == 2 * count &&
                ITEMS(views[4]) == count && ITEMS(views[6]) == 2 * count * TONES && ITEMS(views[7]) == count,
            "arrays of as many frames as slots are needed"))
    goto done;
  for (int tone = 0; tone < TONES; tone++)
    if (!must(columns[tone] >= 0 && columns[tone] < all, "there is no such column")) goto done;
  for (Py_ssize_t i = 0; i < count; i++)
    if (!must(slots[i] >= 0 && slots[i] < end, "there is no such slot")) goto done;
  rows = PyList_New(0);
  int before = 0; /* the row before is wanted */
  for (Py_ssize_t i = 0; rows && i < count; i++) {
    float *z = F32(views[6]) + 4 * TONES * i;
    for (int half = 0; half < 2; half++)
      for (int tone = 0; tone < TONES; tone++)
        memcpy(z + 2 * (TONES * half + tone), F32(views[0]) + 2 * ((2 * i + half) * all + columns[tone]),
               2 * sizeof *z);
    int likely = may_be_digit(z, F32(views[2]) + 2 * i, least);
    U8(views[7])[i] = likely != 0;
    before = likely || U8(views[5])[slots[i]] || (I64(views[4])[i] && before);
    if (!before) continue;
    PyObject *row = PyLong_FromSsize_t(i);
    if (!row || PyList_Append(rows, row) < 0) Py_CLEAR(rows);
    Py_XDECREF(row);
  }
done:
  give_back(views, 8);
  return rows;
}

/* digits_keep(slots, times, z, energy, window, z_by_slot, energy_by_slot, end_by_slot): what the next frame of each
   slot is read with. */
static PyObject *digits_keep(PyObject *self, PyObject *args) {
  PyObject *arrays[7];
  double window;
  if (!PyArg_ParseTuple(args, "OOOOdOOO", &arrays[0], &arrays[1], &arrays[2], &arrays[3], &window, &arrays[4],
                        &arrays[5], &arrays[6]))
    return NULL;
  static const struct kind kinds[] = {{8, 1, 0}, {8, 1, 0}, {8, 3, 0}, {4, 2, 0}, {8, 2, 1}, {4, 1, 1}, {8, 1, 1}};
  Py_buffer views[7];
  if (!borrow_each(arrays, 7, kinds, views, 7)) return NULL;
  Py_ssize_t count = ITEMS(views[0]), end = ITEMS(views[5]);
  const int64_t *slots = I64(views[0]);
  int fits = must(ITEMS(views[1]) == count && ITEMS(views[2]) == 2 * count * TONES && ITEMS(views[3]) == 2 * count &&
                      ITEMS(views[4]) == end * TONES && ITEMS(views[6]) == end,
                  "arrays of as many frames as slots are needed");
  for (Py_ssize_t i = 0; fits && i < count; i++) {
    int64_t slot = slots[i];
    if (!(fits = must(slot >= 0 && slot < end, "there is no such slot"))) break;
    memcpy(F32(views[4]) + 2 * TONES * slot, F32(views[2]) + 2 * TONES * (2 * i + 1), 2 * TONES * sizeof(float));
    F32(views[5])[slot] = F32(views[3])[2 * i + 1];
    F64(views[6])[slot] = F64(views[1])[i] + window;
  }
  give_back(views, 7);
  if (!fits) return NULL;
  Py_RETURN_NONE;
}

PyMethodDef digits_functions[] = {
    {"digits_wanted", digits_wanted, METH_VARARGS, NULL},
    {"digits_keep", digits_keep, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
