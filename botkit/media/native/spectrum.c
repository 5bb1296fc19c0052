/* Whether a stretch of sound is one or two frequencies and nothing else: the twin of `is_tone` in spectrum.py.

   Whole frames, two to `TONE_FRAMES`, in single precision as numpy has it: Hann's window, a Fourier transform of the
   next power of two, and the share of the energy that its two strongest lines hold. */
#include "native.h"
#include "speech.h"
#include <math.h>
#include <string.h>

enum { RATE = 8000, LEAST_SIZE = 512, MOST_SIZE = 2048, HALF = MOST_SIZE / 2 };

static const double PURE = 0.995, PURE_WHEN_SHORT = 0.998, LOWEST = 250.0, PEAKED = 5.5, WIDTH = 12.0, HOPELESS = 0.3;
static const double PI = 3.14159265358979323846;

/* Roots of unity exp(-2 pi i n / MOST_SIZE), for every size, and a window for each number of frames. */
static float roots_re[HALF], roots_im[HALF];
static float windows[TONE_FRAMES + 1][TONE_FRAMES * FRAME];

void spectrum_prepare(void) {
  for (int n = 0; n < HALF; n++) {
    roots_re[n] = (float)cos(2 * PI * n / MOST_SIZE);
    roots_im[n] = (float)-sin(2 * PI * n / MOST_SIZE);
  }
  for (int frames = 1; frames <= TONE_FRAMES; frames++) {
    int size = frames * FRAME;
    for (int n = 0; n < size; n++) windows[frames][n] = (float)(0.5 + 0.5 * cos(PI * (1 - size + 2 * n) / (size - 1)));
  }
}

typedef struct {
  float re[HALF], im[HALF];
} Complexes;

/* One step of Stockham's transform, of two halves: `stride` numbers at a time share a root, so that the inner loop is
   over independent lanes. */
static void halve(const Complexes *restrict from, Complexes *restrict to, int half, int stride) {
  int step = MOST_SIZE / (2 * half);
  for (int p = 0; p < half; p++) {
    float wr = roots_re[p * step], wi = roots_im[p * step];
    const float *ar = from->re + p * stride, *ai = from->im + p * stride;
    const float *br = ar + half * stride, *bi = ai + half * stride;
    float *cr = to->re + 2 * p * stride, *ci = to->im + 2 * p * stride, *dr = cr + stride, *di = ci + stride;
    for (int q = 0; q < stride; q++) {
      float re = ar[q] - br[q], im = ai[q] - bi[q];
      cr[q] = ar[q] + br[q];
      ci[q] = ai[q] + bi[q];
      dr[q] = re * wr - im * wi;
      di[q] = re * wi + im * wr;
    }
  }
}

/* The power of each line, size / 2 + 1 of them, of `samples`, `size` with the zeros behind them, in `work[0]`: the even
   ones are the real parts, the odd ones the imaginary parts, of half as many. */
static void powers(Complexes work[2], int size, float *power) {
  int half = size / 2, from = 0;
  for (int part = half / 2, stride = 1; part; part /= 2, stride *= 2, from ^= 1)
    halve(&work[from], &work[from ^ 1], part, stride);
  const float *zr = work[from].re, *zi = work[from].im;
  power[0] = (zr[0] + zi[0]) * (zr[0] + zi[0]);
  power[half] = (zr[0] - zi[0]) * (zr[0] - zi[0]);
  int step = MOST_SIZE / size;
  for (int k = 1; k < half; k++) {
    float even_re = 0.5f * (zr[k] + zr[half - k]), even_im = 0.5f * (zi[k] - zi[half - k]);
    float odd_re = 0.5f * (zi[k] + zi[half - k]), odd_im = 0.5f * (zr[half - k] - zr[k]);
    float wr = roots_re[k * step], wi = roots_im[k * step];
    float re = even_re + odd_re * wr - odd_im * wi, im = even_im + odd_re * wi + odd_im * wr;
    power[k] = re * re + im * im;
  }
}

/* Take the strongest line out of the spectrum: its place, and its energy with what is beside it. */
static int take_peak(float *power, int lines, int width, double *energy) {
  int peak = 0;
  for (int k = 1; k < lines; k++)
    if (power[k] > power[peak]) peak = k;
  int begin = peak > width ? peak - width : 0, end = peak + width + 1 < lines ? peak + width + 1 : lines;
  *energy = 0;
  for (int k = begin; k < end; k++) {
    *energy += power[k];
    power[k] = 0;
  }
  return peak;
}

static int has_peaks(const int16_t *samples, int count) {
  int peak = 0;
  int64_t energy = 0;
  for (int n = 0; n < count; n++) {
    int sample = samples[n], size = sample < 0 ? -sample : sample;
    if (size > peak) peak = size;
    energy += sample * sample; /* at most 2^30 */
  }
  return (double)peak * peak * count > PEAKED * (double)energy;
}

int is_tone(const int16_t *samples, int frames) {
  int count = frames * FRAME, size = LEAST_SIZE;
  if (frames < 2 || frames > TONE_FRAMES || (frames > 2 && has_peaks(samples, count))) return 0;
  while (size < count) size *= 2;
  Complexes work[2];
  float power[HALF + 1];
  const float *window = windows[frames];
  for (int n = 0; n < count / 2; n++) {
    work[0].re[n] = samples[2 * n] * window[2 * n];
    work[0].im[n] = samples[2 * n + 1] * window[2 * n + 1];
  }
  memset(work[0].re + count / 2, 0, (size - count) / 2 * sizeof(float));
  memset(work[0].im + count / 2, 0, (size - count) / 2 * sizeof(float));
  powers(work, size, power);
  double total = 0, first, second;
  for (int k = 0; k <= size / 2; k++) total += power[k];
  if (total <= 0) return 0;
  double around = 3.0 * RATE / count;
  int width = (int)rint((around > WIDTH ? around : WIDTH) * size / RATE);
  int peak = take_peak(power, size / 2 + 1, width, &first);
  if (first < HOPELESS * total) return 0;
  take_peak(power, size / 2 + 1, width, &second);
  double share = (first + second) / total;
  if (frames >= WHOLE_PIECE) return share >= PURE;
  return share >= PURE_WHEN_SHORT && (double)peak * RATE / size >= LOWEST;
}

static PyObject *py_is_tone(PyObject *module, PyObject *samples) {
  (void)module;
  Py_buffer view;
  if (!borrow(samples, &view, sizeof(int16_t), 1, 0)) return NULL;
  Py_ssize_t frames = view.len / (Py_ssize_t)sizeof(int16_t) / FRAME;
  int whole = view.len == frames * FRAME * (Py_ssize_t)sizeof(int16_t) && frames <= TONE_FRAMES;
  int found = whole && is_tone(view.buf, (int)frames);
  PyBuffer_Release(&view);
  if (whole) return PyBool_FromLong(found);
  return PyErr_Format(PyExc_ValueError, "whole frames of %d samples are wanted, at most %d", FRAME, TONE_FRAMES);
}

PyMethodDef spectrum_functions[] = {
    {"is_tone", py_is_tone, METH_O, "Whether whole frames are one or two frequencies and nothing else."},
    {NULL, NULL, 0, NULL}};
