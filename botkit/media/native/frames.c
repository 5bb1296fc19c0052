/* What every frame needs, for a batch of many calls: the twin of parts of batch.py, tone.py, history.py, hearing.py. */
#include "arrays.h"

#include <math.h>
#include <string.h>

int borrow_each(PyObject *const *arrays, Py_ssize_t given, const struct kind *kinds, Py_buffer *views, int count) {
  if (given < count) {
    PyErr_Format(PyExc_TypeError, "%d arrays are needed, %zd are given", count, given);
    return 0;
  }
  for (int i = 0; i < count; i++) {
    if (borrow(arrays[i], &views[i], kinds[i].size, kinds[i].dims, kinds[i].writable)) continue;
    give_back(views, i);
    return 0;
  }
  return 1;
}

int must(int truth, const char *what) {
  if (!truth) PyErr_SetString(PyExc_ValueError, what);
  return truth;
}

/* Whether all of `count` slots are at least 0 and below `end`; else a Python error. */
static int slots_below(const int64_t *slots, Py_ssize_t count, Py_ssize_t end) {
  for (Py_ssize_t i = 0; i < count; i++)
    if (slots[i] < 0 || slots[i] >= end) {
      PyErr_Format(PyExc_ValueError, "there is no slot %lld", (long long)slots[i]);
      return 0;
    }
  return 1;
}

/* --- a line ------------------------------------------------------------------------------------------------------ */

/* fed(slots, fed_at, first, now, longest): note that these slots were fed now; which of every other slot, from `first`
   on, were fed last more than `longest` seconds ago. */
static PyObject *fed(PyObject *self, PyObject *args) {
  PyObject *arrays[2], *silent = NULL;
  long first;
  double now, longest;
  if (!PyArg_ParseTuple(args, "OOldd", &arrays[0], &arrays[1], &first, &now, &longest)) return NULL;
  static const struct kind kinds[] = {{8, 1, 0}, {8, 1, 1}};
  Py_buffer views[2];
  if (!borrow_each(arrays, 2, kinds, views, 2)) return NULL;
  const int64_t *slots = I64(views[0]);
  double *fed_at = F64(views[1]);
  Py_ssize_t count = ITEMS(views[0]), size = ITEMS(views[1]);
  if (!must(first >= 0, "slots begin with 0") || !slots_below(slots, count, size)) goto done;
  for (Py_ssize_t i = 0; i < count; i++) fed_at[slots[i]] = now;
  silent = PyList_New(0);
  for (Py_ssize_t slot = first; silent && slot < size; slot += 2) {
    if (!(now - fed_at[slot] > longest)) continue;
    PyObject *number = PyLong_FromSsize_t(slot);
    if (!number || PyList_Append(silent, number) < 0) Py_CLEAR(silent);
    Py_XDECREF(number);
  }
done:
  give_back(views, 2);
  return silent;
}

/* The places of `count` slots, all below `end`, in order: by slot, and of one slot as they came. `begins` has room for
   end + 1 numbers, all of them zero. */
static void sort_slots(const int64_t *slots, Py_ssize_t count, Py_ssize_t end, Py_ssize_t *begins, Py_ssize_t *order) {
  for (Py_ssize_t i = 0; i < count; i++) begins[slots[i] + 1]++;
  for (Py_ssize_t slot = 0; slot < end; slot++) begins[slot + 1] += begins[slot];
  for (Py_ssize_t i = 0; i < count; i++) order[begins[slots[i]]++] = i;
}

/* Set those of `flags`, by place before sorting, that a list of places names; 0 and a Python error for a wrong one. */
static int mark(PyObject *places, uint8_t *flags, Py_ssize_t count, uint8_t value) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(places); i++) {
    Py_ssize_t place = PyLong_AsSsize_t(PyList_GET_ITEM(places, i));
    if (place == -1 && PyErr_Occurred()) return 0;
    if (!must(place >= 0 && place < count, "a place that the line does not have")) return 0;
    flags[place] = value;
  }
  return 1;
}

/* Flags in another order; `spare` has room for them. */
static void reorder(uint8_t *flags, uint8_t *spare, const Py_ssize_t *order, Py_ssize_t count) {
  memcpy(spare, flags, count);
  for (Py_ssize_t i = 0; i < count; i++) flags[i] = spare[order[i]];
}

/* sorted(slots, times, payloads, unsent, lost, slots_out, times_out, sent_out, lost_out) -> payloads in order: a line
   by slot. A slot is the number of a call, so none is much larger than there are calls. */
static PyObject *sorted_(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  static const struct kind kinds[] = {{8, 1, 0}, {8, 1, 0}, {8, 1, 1}, {8, 1, 1}, {1, 1, 1}, {1, 1, 1}};
  if (!must(given == 9, "nine arguments are needed")) return NULL;
  PyObject *payloads = args[2], *unsent = args[3], *lost = args[4], *result = NULL;
  if (!must(PyList_Check(payloads) && PyList_Check(unsent) && PyList_Check(lost), "lists are needed")) return NULL;
  PyObject *arrays[] = {args[0], args[1], args[5], args[6], args[7], args[8]};
  Py_buffer views[6];
  if (!borrow_each(arrays, 6, kinds, views, 6)) return NULL;
  Py_ssize_t count = ITEMS(views[0]), end = 0, *order = NULL, *begins = NULL;
  const int64_t *slots = I64(views[0]);
  for (int i = 1; i < 6; i++)
    if (!must(ITEMS(views[i]) == count, "arrays of different lengths")) goto done;
  if (!must(PyList_GET_SIZE(payloads) == count, "as many payloads as slots are needed")) goto done;
  for (Py_ssize_t i = 0; i < count; i++) {
    if (!must(slots[i] >= 0 && slots[i] < 1 << 24, "a slot is a small number")) goto done;
    if (slots[i] >= end) end = slots[i] + 1;
  }
  order = PyMem_Calloc(2 * count + 1, sizeof *order);  /* the second half is spare for the flags */
  begins = PyMem_Calloc(end + 1, sizeof *begins);
  if (!order || !begins) {
    PyErr_NoMemory();
    goto done;
  }
  uint8_t *sent_out = U8(views[4]), *lost_out = U8(views[5]);
  memset(sent_out, 1, count);
  memset(lost_out, 0, count);
  if (!mark(unsent, sent_out, count, 0) || !mark(lost, lost_out, count, 1)) goto done;
  sort_slots(slots, count, end, begins, order);
  if (PyList_GET_SIZE(unsent)) reorder(sent_out, (uint8_t *)(order + count), order, count);
  if (PyList_GET_SIZE(lost)) reorder(lost_out, (uint8_t *)(order + count), order, count);
  result = PyList_New(count);
  for (Py_ssize_t i = 0; result && i < count; i++) {
    Py_ssize_t from = order[i];
    if (i + AHEAD < count) fetch(PyList_GET_ITEM(payloads, order[i + AHEAD]), sizeof(PyBytesObject) + FRAME);
    I64(views[2])[i] = slots[from];
    F64(views[3])[i] = F64(views[1])[from];
    PyObject *payload = PyList_GET_ITEM(payloads, from);
    Py_INCREF(payload);
    PyList_SET_ITEM(result, i, payload);
  }
done:
  PyMem_Free(order);
  PyMem_Free(begins);
  give_back(views, 6);
  return result;
}

/* --- a batch ----------------------------------------------------------------------------------------------------- */

/* turns(slots, turns_out): which of its call's frames each is. */
static PyObject *turns(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  static const struct kind kinds[] = {{8, 1, 0}, {8, 1, 1}};
  Py_buffer views[2];
  if (!borrow_each(args, given, kinds, views, 2)) return NULL;
  Py_ssize_t count = ITEMS(views[0]);
  int fits = must(ITEMS(views[1]) == count, "arrays of different lengths");
  const int64_t *slots = I64(views[0]);
  int64_t *out = I64(views[1]);
  for (Py_ssize_t i = 0; fits && i < count; i++) out[i] = i && slots[i] == slots[i - 1] ? out[i - 1] + 1 : 0;
  give_back(views, 2);
  if (!fits) return NULL;
  Py_RETURN_NONE;
}

/* decoded(payloads, slots, codecs, codec, values, octets_out, frames_out): frames as octets and as samples, whose
   `values` are the codec's; False where not all are of this codec. `codecs` are by slot. */
static PyObject *decoded(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  static const struct kind kinds[] = {{8, 1, 0}, {2, 1, 0}, {1, 2, 1}, {2, 2, 1}};
  if (!must(given == 7 && PyList_Check(args[0]) && PyList_Check(args[2]), "two lists and four arrays are needed"))
    return NULL;
  PyObject *payloads = args[0], *codecs = args[2], *arrays[] = {args[1], args[4], args[5], args[6]};
  Py_buffer views[4];
  if (!borrow_each(arrays, 4, kinds, views, 4)) return NULL;
  Py_ssize_t count = PyList_GET_SIZE(payloads);
  const int64_t *slots = I64(views[0]);
  const int16_t *values = I16(views[1]);
  int all = 1, fits = must(ITEMS(views[0]) == count && ITEMS(views[1]) == 256 && ITEMS(views[2]) == count * FRAME &&
                               ITEMS(views[3]) == count * FRAME,
                           "256 values, and room for each frame, are needed") &&
                      slots_below(slots, count, PyList_GET_SIZE(codecs));
  for (Py_ssize_t i = 0; fits && all && i < count; i++) all = PyList_GET_ITEM(codecs, slots[i]) == args[3];
  for (Py_ssize_t i = 0; fits && all && i < count; i++) {
    PyObject *payload = PyList_GET_ITEM(payloads, i);
    fits = must(PyBytes_Check(payload) && PyBytes_GET_SIZE(payload) == FRAME, "a payload of 160 bytes is needed");
    if (!fits) break;
    const uint8_t *from = (const uint8_t *)PyBytes_AS_STRING(payload);
    int16_t *to = I16(views[3]) + i * FRAME;
    memcpy(U8(views[2]) + i * FRAME, from, FRAME);
    for (int k = 0; k < FRAME; k++) to[k] = values[from[k]];
  }
  give_back(views, 4);
  return fits ? PyBool_FromLong(all) : NULL;
}

enum { HALF = FRAME / 2, BLOCK = 16 };

/* The sum of squares of HALF samples, which are converted on the way. */
static float convert(const int16_t *from, float *to) {
  float sums[8] = {0};
  for (int k = 0; k < HALF; k += 8)
    for (int lane = 0; lane < 8; lane++) {
      float sample = from[k + lane];
      to[k + lane] = sample;
      sums[lane] += sample * sample;
    }
  return (sums[0] + sums[4]) + (sums[1] + sums[5]) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

/* What the two halves of a frame have of BLOCK columns of a basis, whose rows are `width` apart. Four rows in one sum,
   written out: so it becomes vectors of columns. */
static inline void multiply(const float *restrict halves, const float *restrict basis, Py_ssize_t width,
                            float *restrict first, float *restrict second) {
  for (int lane = 0; lane < BLOCK; lane++) first[lane] = second[lane] = 0;
  for (int k = 0; k < HALF; k += 4) {
    const float *x = halves + k, *y = x + HALF;
    const float *a = basis + k * width, *b = a + width, *c = b + width, *d = c + width;
    for (int lane = 0; lane < BLOCK; lane++) {
      first[lane] += (x[0] * a[lane] + x[1] * b[lane]) + (x[2] * c[lane] + x[3] * d[lane]);
      second[lane] += (y[0] * a[lane] + y[1] * b[lane]) + (y[2] * c[lane] + y[3] * d[lane]);
    }
  }
}

/* A frame's share of each column, of both its halves, and their energies. */
WIDE static void hear(const int16_t *frame, const float *basis, Py_ssize_t width, float *z, float *energy) {
  float halves[FRAME];
  energy[0] = convert(frame, halves);
  energy[1] = convert(frame + HALF, halves + HALF);
  Py_ssize_t begin = 0;
  for (; begin + BLOCK <= width; begin += BLOCK)
    multiply(halves, basis + begin, width, z + begin, z + width + begin);
  for (; begin < width; begin++) {
    float one = 0, other = 0;
    for (int k = 0; k < HALF; k++) {
      one += halves[k] * basis[k * width + begin];
      other += halves[HALF + k] * basis[k * width + begin];
    }
    z[begin] = one;
    z[width + begin] = other;
  }
}

/* bank_hear(frames, basis, z_out, energy_out): the amplitude of each frequency in each half of each frame, shape
   (n, 2, K), and the energies of the halves. `basis` has 2 K columns: cosines and sines. */
static PyObject *bank_hear(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  static const struct kind kinds[] = {{2, 2, 0}, {4, 2, 0}, {8, 3, 1}, {4, 2, 1}};
  Py_buffer views[4];
  if (!borrow_each(args, given, kinds, views, 4)) return NULL;
  Py_ssize_t count = views[0].shape[0], width = views[1].shape[1];
  int fits = must(views[0].shape[1] == FRAME && views[1].shape[0] == HALF && 2 * ITEMS(views[2]) == 2 * count * width &&
                      ITEMS(views[3]) == 2 * count,
                  "frames of 160 samples, and room for what they have, are needed");
  for (Py_ssize_t i = 0; fits && i < count; i++)
    hear(I16(views[0]) + i * FRAME, F32(views[1]), width, F32(views[2]) + 2 * i * width, F32(views[3]) + 2 * i);
  give_back(views, 4);
  if (!fits) return NULL;
  Py_RETURN_NONE;
}

/* levels(energy, full, floor, levels_out): dBFS of frames by the energies of their halves, shape (n, 2); `full` is
   the energy of a frame at 0 dBFS, `floor` that of one at the lowest level. */
static PyObject *levels(PyObject *self, PyObject *args) {
  PyObject *arrays[2];
  float full, floor_;
  if (!PyArg_ParseTuple(args, "OffO", &arrays[0], &full, &floor_, &arrays[1])) return NULL;
  static const struct kind kinds[] = {{4, 2, 0}, {4, 1, 1}};
  Py_buffer views[2];
  if (!borrow_each(arrays, 2, kinds, views, 2)) return NULL;
  Py_ssize_t count = ITEMS(views[1]);
  int fits = must(ITEMS(views[0]) == 2 * count, "two energies a frame are needed");
  const float *energy = F32(views[0]);
  for (Py_ssize_t i = 0; fits && i < count; i++) {
    float both = energy[2 * i] + energy[2 * i + 1];
    F32(views[1])[i] = 10.0f * log10f((both > floor_ ? both : floor_) / full);
  }
  give_back(views, 2);
  if (!fits) return NULL;
  Py_RETURN_NONE;
}

/* edges(slots, times, levels, least, loud) -> [(slot, at, loud)]: where sound begins or ends; `loud` is by slot, of the
   frame before. */
static PyObject *edges(PyObject *self, PyObject *args) {
  PyObject *arrays[4], *found = NULL;
  float least;
  if (!PyArg_ParseTuple(args, "OOOfO", &arrays[0], &arrays[1], &arrays[2], &least, &arrays[3])) return NULL;
  static const struct kind kinds[] = {{8, 1, 0}, {8, 1, 0}, {4, 1, 0}, {1, 1, 1}};
  Py_buffer views[4];
  if (!borrow_each(arrays, 4, kinds, views, 4)) return NULL;
  Py_ssize_t count = ITEMS(views[0]);
  const int64_t *slots = I64(views[0]);
  if (!must(ITEMS(views[1]) == count && ITEMS(views[2]) == count, "a time and a level for each slot are needed") ||
      !slots_below(slots, count, ITEMS(views[3])))
    goto done;
  found = PyList_New(0);
  for (Py_ssize_t i = 0; found && i < count; i++) {
    uint8_t now = F32(views[2])[i] > least, *before = U8(views[3]) + slots[i];
    if (*before == now) continue;
    *before = now;
    PyObject *edge = Py_BuildValue("LdO", (long long)slots[i], F64(views[1])[i], now ? Py_True : Py_False);
    if (!edge || PyList_Append(found, edge) < 0) Py_CLEAR(found);
    Py_XDECREF(edge);
  }
done:
  give_back(views, 4);
  return found;
}

/* remember(slots, octets, times, octets_by_slot, times_by_slot, counts, since): the twin of HistoryStore.append. */
static PyObject *remember(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  static const struct kind kinds[] = {{8, 1, 0}, {1, 2, 0}, {8, 1, 0}, {1, 3, 1}, {8, 2, 1}, {8, 1, 1}, {8, 1, 1}};
  Py_buffer views[7];
  if (!borrow_each(args, given, kinds, views, 7)) return NULL;
  Py_ssize_t count = ITEMS(views[0]), end = views[3].shape[0], kept = views[3].shape[1];
  const int64_t *slots = I64(views[0]);
  int fits = must(ITEMS(views[1]) == count * FRAME && ITEMS(views[2]) == count, "a frame of each slot is needed") &&
             must(kept > 0 && views[3].shape[2] == FRAME && views[4].shape[0] == end && views[4].shape[1] == kept &&
                      ITEMS(views[5]) == end && ITEMS(views[6]) == end,
                  "a store's arrays are of as many slots") &&
             slots_below(slots, count, end);
  for (Py_ssize_t i = 0; fits && i < count; i++) {
    int64_t slot = slots[i], *heard = I64(views[5]) + slot;
    if (i + AHEAD < count) {
      int64_t later = slots[i + AHEAD], next = later * kept + I64(views[5])[later] % kept;
      fetch(U8(views[3]) + next * FRAME, FRAME);
      FETCH(F64(views[4]) + next);
    }
    double at = F64(views[2])[i];
    if (!(fits = must(*heard >= 0, "a count is not negative"))) break;
    if (!*heard) F64(views[6])[slot] = at;
    Py_ssize_t place = slot * kept + *heard % kept;
    memcpy(U8(views[3]) + place * FRAME, U8(views[1]) + i * FRAME, FRAME);
    F64(views[4])[place] = at;
    ++*heard;
  }
  give_back(views, 7);
  if (!fits) return NULL;
  Py_RETURN_NONE;
}

PyMethodDef frames_functions[] = {
    {"fed", fed, METH_VARARGS, NULL},
    {"sorted", (PyCFunction)(void (*)(void))sorted_, METH_FASTCALL, NULL},
    {"turns", (PyCFunction)(void (*)(void))turns, METH_FASTCALL, NULL},
    {"decoded", (PyCFunction)(void (*)(void))decoded, METH_FASTCALL, NULL},
    {"bank_hear", (PyCFunction)(void (*)(void))bank_hear, METH_FASTCALL, NULL},
    {"levels", levels, METH_VARARGS, NULL},
    {"edges", edges, METH_VARARGS, NULL},
    {"remember", (PyCFunction)(void (*)(void))remember, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};
