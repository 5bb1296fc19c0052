/* The features of frames: the twin of bands.py, LANES frames side by side, so that a compiler makes vectors of them.

   A real transform of 256 points is a complex one of 128 over its even and odd samples (Sorensen et al., "Real-valued
   fast Fourier transform algorithms", 1987): three passes of radix 4 and one of radix 2, decimated in frequency. Its
   result lies in the order of the digits turned round, and is read from there. */
#include "bands.h"

#include <math.h>
#include <string.h>

enum { HALF = WINDOW / 2, BINS = HALF + 1 };

typedef float lanes[LANES];

/* What bands.py has: set once. */
static struct {
  int known;
  float hann[WINDOW], idle, floor, steps; /* steps: of a byte, in a decade */
  int low[BANDS], high[BANDS];            /* the bins that give something to each band */
  float filters[BANDS][BINS];
  float cosine[HALF], sine[HALF];             /* of 2 pi k / HALF, forward */
  float half_cosine[HALF], half_sine[HALF];   /* of 2 pi k / WINDOW */
  int place[HALF];                            /* where each bin of the complex transform lies */
} table;

static void make_turns(void) {
  const double pi = 3.14159265358979323846;
  for (int k = 0; k < HALF; k++) {
    table.cosine[k] = (float)cos(2 * pi * k / HALF);
    table.sine[k] = (float)-sin(2 * pi * k / HALF);
    table.half_cosine[k] = (float)cos(2 * pi * k / WINDOW);
    table.half_sine[k] = (float)-sin(2 * pi * k / WINDOW);
    table.place[k] = k % 4 * 32 + k / 4 % 4 * 8 + k / 16 % 4 * 2 + k / 64;
  }
}

/* bands_begin(hann, filters, idle, floor, steps): what bands.py knows. `filters` has a row for each bin. */
static PyObject *bands_begin(PyObject *self, PyObject *args) {
  PyObject *arrays[2];
  static const struct kind kinds[] = {{4, 1, 0}, {4, 2, 0}};
  Py_buffer views[2];
  float idle, least, steps;
  if (!PyArg_ParseTuple(args, "OOfff", &arrays[0], &arrays[1], &idle, &least, &steps)) return NULL;
  if (!borrow_each(arrays, 2, kinds, views, 2)) return NULL;
  int fits = must(ITEMS(views[0]) == WINDOW && views[1].shape[0] == BINS && views[1].shape[1] == BANDS,
                  "a window of 256, and filters of 129 bins for 16 bands, are needed");
  if (fits) {
    table.idle = idle;
    table.floor = least;
    table.steps = steps;
    memcpy(table.hann, views[0].buf, sizeof table.hann);
    for (int band = 0; band < BANDS; band++) {
      table.low[band] = table.high[band] = 0;
      for (int bin = 1; bin < HALF; bin++) {
        float share = table.filters[band][bin] = F32(views[1])[bin * BANDS + band];
        if (share <= 0) continue;
        if (!table.low[band]) table.low[band] = bin;
        table.high[band] = bin + 1;
      }
    }
    make_turns();
    table.known = 1;
  }
  give_back(views, 2);
  if (!fits) return NULL;
  Py_RETURN_NONE;
}

int bands_known(void) {
  return must(table.known, "bands_begin was not called");
}

/* --- the transform ----------------------------------------------------------------------------------------------- */

/* The factor of a turn by w, 2 w and 3 w. */
struct turn {
  float r1, i1, r2, i2, r3, i3;
};

/* One butterfly of radix 4, of the points a, b, c and d. Each is named apart, so that a compiler knows them apart. */
static inline void butterfly(float *restrict a_re, float *restrict a_im, float *restrict b_re, float *restrict b_im,
                             float *restrict c_re, float *restrict c_im, float *restrict d_re, float *restrict d_im,
                             struct turn by) {
  for (int lane = 0; lane < LANES; lane++) {
    float sum_re = a_re[lane] + c_re[lane], sum_im = a_im[lane] + c_im[lane];
    float gap_re = a_re[lane] - c_re[lane], gap_im = a_im[lane] - c_im[lane];
    float other_re = b_re[lane] + d_re[lane], other_im = b_im[lane] + d_im[lane];
    float turned_re = b_im[lane] - d_im[lane], turned_im = d_re[lane] - b_re[lane]; /* -i (b - d) */
    float x = gap_re + turned_re, y = gap_im + turned_im;
    float u = sum_re - other_re, v = sum_im - other_im;
    float s = gap_re - turned_re, t = gap_im - turned_im;
    a_re[lane] = sum_re + other_re;
    a_im[lane] = sum_im + other_im;
    b_re[lane] = x * by.r1 - y * by.i1;
    b_im[lane] = x * by.i1 + y * by.r1;
    c_re[lane] = u * by.r2 - v * by.i2;
    c_im[lane] = u * by.i2 + v * by.r2;
    d_re[lane] = s * by.r3 - t * by.i3;
    d_im[lane] = s * by.i3 + t * by.r3;
  }
}

static inline void last_butterfly(float *restrict a_re, float *restrict a_im, float *restrict b_re,
                                  float *restrict b_im) {
  for (int lane = 0; lane < LANES; lane++) {
    float x = b_re[lane], y = b_im[lane];
    b_re[lane] = a_re[lane] - x;
    b_im[lane] = a_im[lane] - y;
    a_re[lane] += x;
    a_im[lane] += y;
  }
}

static void transform(lanes *re, lanes *im) {
  for (int size = HALF; size > 2; size /= 4)
    for (int j = 0, q = size / 4; j < q; j++) {
      int w = j * (HALF / size), w2 = 2 * w, w3 = 3 * w % HALF;
      struct turn by = {table.cosine[w],  table.sine[w],  table.cosine[w2],
                        table.sine[w2],   table.cosine[w3], table.sine[w3]};
      for (int a = j; a < HALF; a += size)
        butterfly(re[a], im[a], re[a + q], im[a + q], re[a + 2 * q], im[a + 2 * q], re[a + 3 * q], im[a + 3 * q], by);
    }
  for (int a = 0; a < HALF; a += 2) last_butterfly(re[a], im[a], re[a + 1], im[a + 1]);
}

/* The power of each bin of the real transform, but of the first and the last, which no band has. */
static void powers(lanes *restrict re, lanes *restrict im, lanes *restrict power) {
  for (int k = 1; k <= HALF / 2; k++) {
    int a = table.place[k], b = table.place[HALF - k];
    float c = table.half_cosine[k], s = table.half_sine[k];
    for (int lane = 0; lane < LANES; lane++) {
      float even_re = re[a][lane] + re[b][lane], even_im = im[a][lane] - im[b][lane];
      float odd_re = im[a][lane] + im[b][lane], odd_im = re[b][lane] - re[a][lane];
      float turned_re = odd_re * c - odd_im * s, turned_im = odd_re * s + odd_im * c;
      float x = even_re + turned_re, y = even_im + turned_im, u = even_re - turned_re, v = even_im - turned_im;
      power[k][lane] = 0.25f * (x * x + y * y);
      power[HALF - k][lane] = 0.25f * (u * u + v * v);
    }
  }
}

/* --- the bands --------------------------------------------------------------------------------------------------- */

/* Logarithms to base 10, of positive normal numbers, as exact as singles are: the power of two, and of what is left,
   between the roots of 1/2 and 2, the series of 2 artanh((x - 1) / (x + 1)). */
static void logarithms(float *values, int count) {
  for (int i = 0; i < count; i++) {
    int32_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    int32_t exponent = (bits - 0x3f3504f3) >> 23;
    float rest;
    bits -= exponent * (1 << 23);
    memcpy(&rest, &bits, sizeof rest);
    float s = (rest - 1) / (rest + 1), t = s * s;
    float series = s * (2 + t * (2.0f / 3 + t * (2.0f / 5 + t * (2.0f / 7 + t * (2.0f / 9)))));
    values[i] = (float)exponent * 0.30103f + series * 0.43429448f;
  }
}

static void gather(lanes *restrict power, lanes *restrict bands) {
  lanes total = {0};
  for (int band = 0; band < BANDS; band++) {
    lanes sum = {0};
    for (int bin = table.low[band]; bin < table.high[band]; bin++)
      for (int lane = 0; lane < LANES; lane++) sum[lane] += power[bin][lane] * table.filters[band][bin];
    for (int lane = 0; lane < LANES; lane++) {
      bands[band][lane] = sum[lane] + table.idle;
      total[lane] += bands[band][lane];
    }
  }
  for (int band = 0; band < BANDS; band++)
    for (int lane = 0; lane < LANES; lane++) {
      float share = bands[band][lane] / total[lane];
      bands[band][lane] = share > table.floor ? share : table.floor;
    }
}

WIDE void bands_of(float windows[LANES][WINDOW], int count, uint8_t *const *out) {
  lanes re[HALF], im[HALF], power[BINS], bands[BANDS];
  for (int lane = count; lane < LANES; lane++) memset(windows[lane], 0, sizeof windows[lane]);
  for (int k = 0; k < HALF; k++) {
    float even = table.hann[2 * k], odd = table.hann[2 * k + 1];
    for (int lane = 0; lane < LANES; lane++) {
      re[k][lane] = windows[lane][2 * k] * even;
      im[k][lane] = windows[lane][2 * k + 1] * odd;
    }
  }
  transform(re, im);
  powers(re, im, power);
  gather(power, bands);
  logarithms(bands[0], BANDS * LANES);
  for (int lane = 0; lane < count; lane++)
    for (int band = 0; band < BANDS; band++) {
      float byte = bands[band][lane] * table.steps + 255.5f; /* rounded by being cut */
      out[lane][band] = (uint8_t)(byte < 0 ? 0 : byte > 255 ? 255 : byte);
    }
}

void next_window(float *window, float *tail, const int16_t *frame) {
  memcpy(window, tail, BEFORE * sizeof *tail);
  for (int k = 0; k < FRAME; k++) window[BEFORE + k] = frame[k];
  memcpy(tail, window + FRAME, BEFORE * sizeof *tail);
}

/* --- for Python -------------------------------------------------------------------------------------------------- */

/* bands_of_frames(slots, frames, tails, out): the features of the next frames of some slots; `tails` is by slot. */
static PyObject *bands_of_frames(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  static const struct kind kinds[] = {{8, 1, 0}, {2, 2, 0}, {4, 2, 1}, {1, 2, 1}};
  Py_buffer views[4];
  if (!bands_known() || !borrow_each(args, given, kinds, views, 4)) return NULL;
  Py_ssize_t count = ITEMS(views[0]), end = views[2].shape[0];
  const int64_t *slots = I64(views[0]);
  int fits = must(ITEMS(views[1]) == count * FRAME && views[2].shape[1] == BEFORE && ITEMS(views[3]) == count * BANDS,
                  "a frame of each slot, and room for its features, are needed");
  for (Py_ssize_t i = 0; fits && i < count; i++) fits = must(slots[i] >= 0 && slots[i] < end, "there is no such slot");
  float windows[LANES][WINDOW];
  uint8_t *out[LANES];
  for (Py_ssize_t i = 0, lane = 0; fits && i < count; i++) {
    next_window(windows[lane], F32(views[2]) + slots[i] * BEFORE, I16(views[1]) + i * FRAME);
    out[lane++] = U8(views[3]) + i * BANDS;
    if (lane < LANES && i + 1 < count) continue;
    bands_of(windows, (int)lane, out);
    lane = 0;
  }
  give_back(views, 4);
  if (!fits) return NULL;
  Py_RETURN_NONE;
}

PyMethodDef bands_functions[] = {
    {"bands_begin", bands_begin, METH_VARARGS, NULL},
    {"bands_of_frames", (PyCFunction)(void (*)(void))bands_of_frames, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};
