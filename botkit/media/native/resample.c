/* Samples at another rate, as they come: the twin of `Resampler` in pcm.py. */
#include "arrays.h"

#include <math.h>
#include <string.h>

enum { LANES = 8 };

static float product(const float *one, const float *other, Py_ssize_t size) {
  float lanes[LANES] = {0}, sum = 0;
  Py_ssize_t at = 0;
  for (; at + LANES <= size; at += LANES)
    for (int lane = 0; lane < LANES; lane++) lanes[lane] += one[at + lane] * other[at + lane];
  for (int lane = 0; lane < LANES; lane++) sum += lanes[lane];
  for (; at < size; at++) sum += one[at] * other[at];
  return sum;
}

/* `ups` samples for each `down` of `count` that were heard, by the filters `taps`, (ups, size). */
WIDE static void filter(const float *heard, Py_ssize_t count, const float *taps, Py_ssize_t ups, Py_ssize_t size,
                        Py_ssize_t down, int16_t *out) {
  for (Py_ssize_t at = 0; at < count; at += down)
    for (Py_ssize_t phase = 0; phase < ups; phase++) {
      float sample = rintf(product(heard + at, taps + phase * size, size));
      *out++ = (int16_t)(!(sample > -32768) ? -32768 : sample > 32767 ? 32767 : sample);
    }
}

/* (held, samples, taps, down, out): `held`, what the filters still need, goes on to the end of the samples. */
static PyObject *resample(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  static const struct kind kinds[] = {{4, 1, 1}, {2, 1, 0}, {4, 2, 0}, {2, 1, 1}};
  if (given != 5) return PyErr_SetString(PyExc_TypeError, "held, samples, taps, down, out"), NULL;
  Py_ssize_t down = PyLong_AsSsize_t(args[3]);
  if (PyErr_Occurred()) return NULL;
  PyObject *arrays[] = {args[0], args[1], args[2], args[4]};
  Py_buffer views[4];
  if (!borrow_each(arrays, 4, kinds, views, 4)) return NULL;
  Py_ssize_t held = ITEMS(views[0]), count = ITEMS(views[1]), ups = views[2].shape[0], size = views[2].shape[1];
  PyObject *result = NULL;
  if (must(down > 0 && ups > 0 && size > 0 && held == size - 1 && ITEMS(views[3]) == (count + down - 1) / down * ups,
           "arrays that do not belong together")) {
    float *heard = PyMem_Malloc((size_t)(held + count + 1) * sizeof *heard);
    if (heard) {
      memcpy(heard, views[0].buf, (size_t)held * sizeof *heard);
      for (Py_ssize_t i = 0; i < count; i++) heard[held + i] = I16(views[1])[i];
      filter(heard, count, F32(views[2]), ups, size, down, I16(views[3]));
      memcpy(views[0].buf, heard + count, (size_t)held * sizeof *heard);
      PyMem_Free(heard);
      result = Py_NewRef(Py_None);
    } else {
      PyErr_NoMemory();
    }
  }
  give_back(views, 4);
  return result;
}

PyMethodDef resample_functions[] = {
    {"resample", (PyCFunction)(void (*)(void))resample, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL}};
