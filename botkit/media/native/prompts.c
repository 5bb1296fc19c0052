/* What every frame of those that listen for prompts needs: the twin of parts of prompt_hearing.py and band_ring.py. */
#include "bands.h"

#include <math.h>
#include <string.h>

enum { HOP = 8, NOTHING_MAX = 12, PATCH = 32, TIMES = 6, SHAPES = 7, COEFFICIENTS = TIMES * SHAPES };

static const float FLOOR = -100.0f;
static const double FRAME_SECONDS = 0.02;

/* --- taking frames in -------------------------------------------------------------------------------------------- */

/* The arrays of `take_in`. First the batch, by row; then what is known by slot; then the rings, by slot and place. */
enum {
  SLOTS, TURNS, AT, FRAMES, SENT, LOUD,
  LISTENING, UNCLEAR, NOTHING, TAILS,
  RING, TIME, CLEAR, LEVEL, COUNTS, NEXT_DUE, SILENT,
  SLOTS_OUT, COUNTS_OUT, TAKEN,
};

static const struct kind taken[TAKEN] = {
    {8, 1, 0}, {8, 1, 0}, {8, 1, 0}, {2, 2, 0}, {1, 1, 0}, {4, 1, 0}, {1, 1, 0}, {8, 1, 1}, {8, 1, 1}, {4, 2, 1},
    {1, 3, 1}, {8, 2, 1}, {1, 2, 1}, {4, 2, 1}, {8, 1, 1}, {8, 1, 0}, {1, 1, 0}, {8, 1, 1}, {8, 1, 1},
};

/* Whether the arrays are of one size each by row, by slot and by place. */
static int fits(const Py_buffer *v) {
  Py_ssize_t rows = ITEMS(v[SLOTS]), here = ITEMS(v[LISTENING]), slots = v[RING].shape[0], ring = v[RING].shape[1];
  int by_row = ITEMS(v[TURNS]) == rows && ITEMS(v[AT]) == rows && ITEMS(v[FRAMES]) == rows * FRAME &&
               ITEMS(v[SENT]) == rows && ITEMS(v[LOUD]) == rows && ITEMS(v[SLOTS_OUT]) >= rows &&
               ITEMS(v[COUNTS_OUT]) >= rows;
  int by_slot = ITEMS(v[UNCLEAR]) == here && ITEMS(v[NOTHING]) == here && here <= slots &&
                v[TAILS].shape[1] == BEFORE && ITEMS(v[COUNTS]) == slots && ITEMS(v[NEXT_DUE]) == slots;
  int by_place = ring > PATCH && v[RING].shape[2] == BANDS && ITEMS(v[TIME]) == slots * ring &&
                 ITEMS(v[CLEAR]) == slots * ring && ITEMS(v[LEVEL]) == slots * ring && ITEMS(v[SILENT]) == BANDS;
  return must(by_row && by_slot && by_place, "arrays of one size by row, by slot and by place are needed");
}

/* Before the first frame, heard at `at`, there was silence. */
static void silence_before(const Py_buffer *v, int64_t slot, double at) {
  Py_ssize_t begin = slot * v[RING].shape[1];
  for (int k = 0; k < PATCH; k++) {
    memcpy(U8(v[RING]) + (begin + k) * BANDS, v[SILENT].buf, BANDS);
    F64(v[TIME])[begin + k] = at - (PATCH - k) * FRAME_SECONDS;
    U8(v[CLEAR])[begin + k] = 1;
    F32(v[LEVEL])[begin + k] = FLOOR;
  }
  I64(v[COUNTS])[slot] = PATCH;
}

/* Fetch what the next frame of a slot is kept in, and heard with. */
static void fetch_slot(const Py_buffer *v, int64_t slot) {
  Py_ssize_t place = slot * v[RING].shape[1] + I64(v[COUNTS])[slot] % v[RING].shape[1];
  FETCH(U8(v[RING]) + place * BANDS);
  FETCH(F64(v[TIME]) + place);
  FETCH(U8(v[CLEAR]) + place);
  FETCH(F32(v[LEVEL]) + place);
  fetch(F32(v[TAILS]) + slot * BEFORE, BEFORE * sizeof(float));
}

/* The next frame of a slot, but for its features: where those go. `says_nothing`: the frame does not count. */
static uint8_t *push(const Py_buffer *v, Py_ssize_t row, int *says_nothing) {
  int64_t slot = I64(v[SLOTS])[row], *unclear = I64(v[UNCLEAR]) + slot, *nothing = I64(v[NOTHING]) + slot;
  int64_t *heard = I64(v[COUNTS]) + slot;
  double at = F64(v[AT])[row];
  if (*heard <= 0) silence_before(v, slot, at);
  *nothing = U8(v[SENT])[row] ? 0 : *nothing + 1;
  *says_nothing = *nothing > 0 && *nothing <= NOTHING_MAX;
  Py_ssize_t ring = v[RING].shape[1], place = slot * ring + *heard % ring;
  F64(v[TIME])[place] = at;
  U8(v[CLEAR])[place] = *unclear <= 0 && !*says_nothing;
  F32(v[LEVEL])[place] = F32(v[LOUD])[row];
  if (*unclear > 0) --*unclear;
  ++*heard;
  return U8(v[RING]) + place * BANDS;
}

static int note(PyObject *list, int64_t number) {
  PyObject *item = PyLong_FromLongLong(number);
  int done = item && PyList_Append(list, item) == 0;
  Py_XDECREF(item);
  return done;
}

/* prompts_take_in(batch…, by slot…, rings…, slots_out, counts_out) -> (how many are to be looked at, slots in which
   something is due): the twin of _take_in. The slots that are to be looked at, and their counts, are in `…_out`. */
static PyObject *prompts_take_in(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  Py_buffer v[TAKEN];
  if (!bands_known() || !borrow_each(args, given, taken, v, TAKEN)) return NULL;
  PyObject *due = fits(v) ? PyList_New(0) : NULL;
  float windows[LANES][WINDOW];
  uint8_t *out[LANES];
  int lane = 0;
  Py_ssize_t looks = 0, count = ITEMS(v[SLOTS]), here = ITEMS(v[LISTENING]);
  for (Py_ssize_t row = 0; due && row < count; row++) {
    int64_t slot = I64(v[SLOTS])[row], later = row + AHEAD < count ? I64(v[SLOTS])[row + AHEAD] : -1;
    if (later >= 0 && later < here && later < v[TAILS].shape[0]) fetch_slot(v, later);
    if (slot < 0 || slot >= here || !U8(v[LISTENING])[slot]) continue;
    if (!must(slot < v[TAILS].shape[0], "a slot that listens has the end of a frame")) {
      Py_CLEAR(due);
      break;
    }
    int says_nothing;
    out[lane] = push(v, row, &says_nothing);
    next_window(windows[lane++], F32(v[TAILS]) + slot * BEFORE, I16(v[FRAMES]) + row * FRAME);
    if (lane == LANES) {
      bands_of(windows, lane, out);
      lane = 0;
    }
    int64_t heard = I64(v[COUNTS])[slot];
    if (heard > I64(v[NEXT_DUE])[slot] && !note(due, slot)) Py_CLEAR(due);
    if ((heard + slot) % HOP || says_nothing) continue;
    I64(v[SLOTS_OUT])[looks] = slot;
    I64(v[COUNTS_OUT])[looks++] = heard;
  }
  if (due && lane) bands_of(windows, lane, out);
  give_back(v, TAKEN);
  return due ? Py_BuildValue("nN", looks, due) : NULL;
}

/* --- looking at them --------------------------------------------------------------------------------------------- */

/* The patch of PATCH frames, which end before frame `heard` of a ring. */
WIDE static void patch_of(const uint8_t *bands, Py_ssize_t ring, int64_t heard, const float *over_time,
                     float over_bands[BANDS][SHAPES + 1], float quiet, float *patch) {
  float sums[TIMES][BANDS] = {{0}}, length = 0;
  int64_t place = (heard - PATCH) % ring;
  for (int k = 0; k < PATCH; k++) {
    const uint8_t *bytes = bands + place * BANDS;
    if (++place == ring) place = 0;
    float frame[BANDS];
    for (int band = 0; band < BANDS; band++) frame[band] = bytes[band];
    for (int time = 0; time < TIMES; time++) {
      float share = over_time[time * PATCH + k];
      for (int band = 0; band < BANDS; band++) sums[time][band] += share * frame[band];
    }
  }
  for (int time = 0; time < TIMES; time++) {
    float shapes[SHAPES + 1] = {0};
    for (int band = 0; band < BANDS; band++)
      for (int shape = 0; shape <= SHAPES; shape++) shapes[shape] += sums[time][band] * over_bands[band][shape];
    for (int shape = 0; shape < SHAPES; shape++) {
      patch[time * SHAPES + shape] = shapes[shape];
      length += shapes[shape] * shapes[shape];
    }
  }
  length = sqrtf(length + quiet);
  for (int i = 0; i < COEFFICIENTS; i++) patch[i] /= length;
}

/* patches_in(bands, slots, counts, over_time, over_bands, quiet, patches_out): what some slots had heard last when each
   had heard so many frames. The twin of reference.py's. */
static PyObject *patches_in(PyObject *self, PyObject *args) {
  PyObject *arrays[6];
  float quiet;
  if (!PyArg_ParseTuple(args, "OOOOOfO", &arrays[0], &arrays[1], &arrays[2], &arrays[3], &arrays[4], &quiet,
                        &arrays[5]))
    return NULL;
  static const struct kind kinds[] = {{1, 3, 0}, {8, 1, 0}, {8, 1, 0}, {4, 2, 0}, {4, 2, 0}, {4, 2, 1}};
  Py_buffer v[6];
  if (!borrow_each(arrays, 6, kinds, v, 6)) return NULL;
  Py_ssize_t count = ITEMS(v[1]), slots = v[0].shape[0], ring = v[0].shape[1];
  int fine = must(ring > 0 && v[0].shape[2] == BANDS && ITEMS(v[2]) == count && v[3].shape[0] == TIMES &&
                      v[3].shape[1] == PATCH && v[4].shape[0] == BANDS && v[4].shape[1] == SHAPES &&
                      ITEMS(v[5]) == count * COEFFICIENTS,
                  "arrays of the sizes that patches have are needed");
  float over_bands[BANDS][SHAPES + 1] = {{0}}; /* padded: a vector of eight */
  for (int band = 0; fine && band < BANDS; band++)
    memcpy(over_bands[band], F32(v[4]) + band * SHAPES, SHAPES * sizeof(float));
  for (Py_ssize_t i = 0; fine && i < count; i++) {
    int64_t slot = I64(v[1])[i], heard = I64(v[2])[i];
    if (i + 1 < count && I64(v[1])[i + 1] >= 0 && I64(v[1])[i + 1] < slots && I64(v[2])[i + 1] >= PATCH) {
      int64_t place = I64(v[1])[i + 1] * ring + (I64(v[2])[i + 1] - PATCH) % ring; /* as a rule it is in one piece */
      fetch(U8(v[0]) + place * BANDS, PATCH * BANDS);
    }
    if (!(fine = must(slot >= 0 && slot < slots && heard >= PATCH, "there is no such slot, or too little in it"))) break;
    patch_of(U8(v[0]) + slot * ring * BANDS, ring, heard, F32(v[3]), over_bands, quiet, F32(v[5]) + i * COEFFICIENTS);
  }
  give_back(v, 6);
  if (!fine) return NULL;
  Py_RETURN_NONE;
}

PyMethodDef prompts_functions[] = {
    {"prompts_take_in", (PyCFunction)(void (*)(void))prompts_take_in, METH_FASTCALL, NULL},
    {"patches_in", patches_in, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
