/* Which patches of all prompts a heard one is like: the twin of catalogue.py, which tells why a sketch is enough. */
#include "arrays.h"

#include <math.h>

enum { COEFFICIENTS = 42, AXES = 7, SKETCH = AXES + 1, BLOCK = 16 };

static const float SLACK = 1e-3f; /* of a bound: what rounding may take from it */

/* The arrays of `likely`: heard patches; the axes; all patches, sketched in blocks and as they are; of each reference
   where its patches begin, and the end of all; of each patch the frame at which it ends. */
enum { HEARD, BASIS, SKETCHES, PATCHES, BEGINS, ENDS, LIKELY };

static const struct kind kinds[LIKELY] = {{4, 2, 0}, {4, 2, 0}, {4, 3, 0}, {4, 2, 0}, {8, 1, 0}, {8, 1, 0}};

static int fits(const Py_buffer *v) {
  Py_ssize_t count = v[PATCHES].shape[0], references = ITEMS(v[BEGINS]) - 1;
  const int64_t *begins = I64(v[BEGINS]);
  if (!must(v[HEARD].shape[1] == COEFFICIENTS && v[PATCHES].shape[1] == COEFFICIENTS &&
                v[BASIS].shape[0] == AXES && v[BASIS].shape[1] == COEFFICIENTS && v[SKETCHES].shape[1] == SKETCH &&
                v[SKETCHES].shape[2] == BLOCK && v[SKETCHES].shape[0] * BLOCK >= count && ITEMS(v[ENDS]) == count &&
                references >= 0,
            "arrays of the sizes that patches have are needed"))
    return 0;
  for (Py_ssize_t i = 0; i <= references; i++)
    if (!must(begins[i] >= (i ? begins[i - 1] : 0), "begins that rise are needed")) return 0;
  return must(!begins[0] && begins[references] == count, "begins of all patches are needed");
}

static float product(const float *one, const float *other) {
  float sums[8] = {0}, rest = 0;
  for (int k = 0; k + 8 <= COEFFICIENTS; k += 8)
    for (int lane = 0; lane < 8; lane++) sums[lane] += one[k + lane] * other[k + lane];
  for (int k = COEFFICIENTS / 8 * 8; k < COEFFICIENTS; k++) rest += one[k] * other[k];
  return (sums[0] + sums[4]) + (sums[1] + sums[5]) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + rest;
}

/* What a patch is along each axis, and the length of what is left of it. */
static void sketch(const float *patch, const float *basis, float squares, float *out) {
  for (int axis = 0; axis < AXES; axis++) {
    out[axis] = product(patch, basis + axis * COEFFICIENTS);
    squares -= out[axis] * out[axis];
  }
  out[AXES] = squares > 0 ? sqrtf(squares) : 0;
}

/* The most that a patch's products with those of a block can be. One sum, written out: so it becomes vectors of k. */
static void bounds(const float *restrict s, const float *restrict block, float *restrict most) {
  const float *a = block, *b = a + BLOCK, *c = b + BLOCK, *d = c + BLOCK;
  const float *e = d + BLOCK, *f = e + BLOCK, *g = f + BLOCK, *h = g + BLOCK;
  for (int k = 0; k < BLOCK; k++)
    most[k] = (s[0] * a[k] + s[1] * b[k] + s[2] * c[k] + s[3] * d[k]) +
              (s[4] * e[k] + s[5] * f[k] + s[6] * g[k] + s[7] * h[k]);
}

/* Whether any of a block is more than `least`. */
static int any_more(const float *restrict most, float least) {
  float top[4] = {least, least, least, least};
  for (int k = 0; k < BLOCK; k += 4)
    for (int lane = 0; lane < 4; lane++) top[lane] = most[k + lane] > top[lane] ? most[k + lane] : top[lane];
  return top[0] > least || top[1] > least || top[2] > least || top[3] > least;
}

/* Append (row, reference, end). */
static int tell(PyObject *found, Py_ssize_t row, Py_ssize_t reference, int64_t end) {
  PyObject *item = Py_BuildValue("nnL", row, reference, (long long)end);
  int done = item && PyList_Append(found, item) == 0;
  Py_XDECREF(item);
  return done;
}

/* What one patch is like. */
WIDE static int look(const Py_buffer *v, Py_ssize_t row, float least, PyObject *found) {
  const float *patch = F32(v[HEARD]) + row * COEFFICIENTS;
  const int64_t *begins = I64(v[BEGINS]);
  float squares = product(patch, patch), sketched[SKETCH], most[BLOCK], best = least;
  if (!(squares > least * least)) return 1;
  sketch(patch, F32(v[BASIS]), squares, sketched);
  Py_ssize_t count = v[PATCHES].shape[0], reference = 0, place = -1;
  for (Py_ssize_t begin = 0; begin < count; begin += BLOCK) {
    bounds(sketched, F32(v[SKETCHES]) + begin * SKETCH, most);
    if (!any_more(most, least - SLACK)) continue;
    for (Py_ssize_t i = begin; i < begin + BLOCK && i < count; i++) {
      if (!(most[i - begin] > least - SLACK)) continue;
      float like = product(patch, F32(v[PATCHES]) + i * COEFFICIENTS);
      if (!(like > least)) continue;
      if (i >= begins[reference + 1]) {
        if (place >= 0 && !tell(found, row, reference, I64(v[ENDS])[place])) return 0;
        while (i >= begins[reference + 1]) reference++;
        best = least;
      }
      if (like <= best) continue;
      best = like;
      place = i;
    }
  }
  return place < 0 || tell(found, row, reference, I64(v[ENDS])[place]);
}

/* likely(heard, basis, sketches, patches, begins, ends, least) -> [(row, reference, end)]: the references that each
   heard patch is like, more than `least`, and the end of that patch of it which is most like it. */
static PyObject *likely(PyObject *self, PyObject *args) {
  PyObject *arrays[LIKELY];
  float least;
  if (!PyArg_ParseTuple(args, "OOOOOOf", &arrays[HEARD], &arrays[BASIS], &arrays[SKETCHES], &arrays[PATCHES],
                        &arrays[BEGINS], &arrays[ENDS], &least))
    return NULL;
  Py_buffer v[LIKELY];
  if (!borrow_each(arrays, LIKELY, kinds, v, LIKELY)) return NULL;
  PyObject *found = fits(v) ? PyList_New(0) : NULL;
  for (Py_ssize_t row = 0; found && row < v[HEARD].shape[0]; row++)
    if (!look(v, row, least, found)) Py_CLEAR(found);
  give_back(v, LIKELY);
  return found;
}

PyMethodDef catalogue_functions[] = {
    {"likely", likely, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
