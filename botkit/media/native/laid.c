/* One prompt laid over what was heard: its place. The twin of alignment.py; see there for why. */
#include "laid.h"

#include <math.h>
#include <string.h>

/* --- arguments ---------------------------------------------------------------------------------------------------- */

static int borrow_next(Laid *laid, PyObject *array, Py_ssize_t size, int dims) {
  if (!borrow(array, &laid->views[laid->borrowed], size, dims, 0)) return 0;
  laid->borrowed++;
  return 1;
}

static int take_ring(PyObject *const *args, Laid *laid) {
  int64_t slot = PyLong_AsLongLong(args[4]), slots;
  laid->count = PyLong_AsLongLong(args[5]);
  if (PyErr_Occurred()) return 0;
  if (!borrow_next(laid, args[0], 1, 3) || !borrow_next(laid, args[1], 1, 2) || !borrow_next(laid, args[2], 4, 2) ||
      !borrow_next(laid, args[3], 8, 2))
    return 0;
  slots = laid->views[0].shape[0], laid->ring = laid->views[0].shape[1];
  int fits = laid->views[0].shape[2] == BANDS && slot >= 0 && slot < slots && laid->ring > 0 && laid->count > 0;
  for (int i = 1; i < 4; i++) fits = fits && laid->views[i].shape[0] == slots && laid->views[i].shape[1] == laid->ring;
  if (!fits) return PyErr_SetString(PyExc_ValueError, "no such slot, or arrays that do not belong together"), 0;
  laid->bands = (const uint8_t *)laid->views[0].buf + slot * laid->ring * BANDS;
  laid->clear = (const uint8_t *)laid->views[1].buf + slot * laid->ring;
  laid->levels = (const float *)laid->views[2].buf + slot * laid->ring;
  laid->times = (const double *)laid->views[3].buf + slot * laid->ring;
  laid->oldest = laid->count > laid->ring ? laid->count - laid->ring : 0;
  return 1;
}

static int take_prompt(PyObject *sheet, Laid *laid) {
  if (!PyTuple_Check(sheet) || PyTuple_GET_SIZE(sheet) != 8)
    return PyErr_SetString(PyExc_TypeError, "a prompt's sheet has eight parts"), 0;
  const Py_buffer *views = laid->views + laid->borrowed;
  if (!borrow_next(laid, PyTuple_GET_ITEM(sheet, 0), 1, 3) || !borrow_next(laid, PyTuple_GET_ITEM(sheet, 1), 4, 1) ||
      !borrow_next(laid, PyTuple_GET_ITEM(sheet, 2), 1, 1) || !borrow_next(laid, PyTuple_GET_ITEM(sheet, 3), 4, 1))
    return 0;
  laid->first = PyLong_AsLongLong(PyTuple_GET_ITEM(sheet, 4));
  laid->last = PyLong_AsLongLong(PyTuple_GET_ITEM(sheet, 5));
  laid->lowest_gain = PyFloat_AsDouble(PyTuple_GET_ITEM(sheet, 6));
  laid->gain_step = PyFloat_AsDouble(PyTuple_GET_ITEM(sheet, 7));
  if (PyErr_Occurred()) return 0;
  laid->stack = views[0].buf, laid->prompt_levels = views[1].buf, laid->marks = views[2].buf;
  laid->active_before = views[3].buf;
  laid->gains = views[0].shape[0], laid->size = views[0].shape[1];
  if (views[0].shape[2] != BANDS || views[1].shape[0] != laid->size || views[2].shape[0] != laid->size ||
      views[3].shape[0] != laid->size + 1 || laid->gains < 1 || laid->first < 0 || laid->last < laid->first ||
      laid->last >= laid->size || !(laid->gain_step > 0))
    return PyErr_SetString(PyExc_ValueError, "a prompt's sheet whose parts do not belong together"), 0;
  return 1;
}

/* The ring's arrays, slot and count, the prompt's sheet, start, offset and louder: ten arguments, and `wanted` more. */
int laid_of(PyObject *const *args, Py_ssize_t count, Py_ssize_t wanted, Laid *laid) {
  memset(laid, 0, sizeof *laid);
  if (count != 10 + wanted) return PyErr_Format(PyExc_TypeError, "%zd arguments, not %zd", count, 10 + wanted), 0;
  if (take_ring(args, laid) && take_prompt(args[6], laid)) {
    laid->start = PyLong_AsLongLong(args[7]);
    laid->offset = PyFloat_AsDouble(args[8]);
    laid->louder = PyFloat_AsDouble(args[9]);
    int64_t far = (int64_t)1 << 40; /* no sum of these overflows */
    if (!PyErr_Occurred()) {
      if (laid->count < far && laid->start > -far && laid->start < far) return 1;
      PyErr_SetString(PyExc_ValueError, "a frame that nobody lives to hear");
    }
  }
  laid_free(laid);
  return 0;
}

void laid_free(Laid *laid) {
  give_back(laid->views, laid->borrowed);
  laid->borrowed = 0;
}

static int64_t frame_of(PyObject *number, const Laid *laid) {
  int64_t frame = PyLong_AsLongLong(number);
  if (PyErr_Occurred()) return 0;
  return frame < 0 ? 0 : frame > laid->size ? laid->size : frame;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

float level_at(const Laid *laid, int64_t frame) {
  return is_there(laid, frame) ? laid->levels[place_of(laid, frame)] : FLOOR;
}

/* The prompt's features as they fall on the ring's frames, `offset` away from its own. */
static void between(const Laid *laid, const int64_t *own, int64_t count, float *ours) {
  const uint8_t *bands = prompt_bands(laid);
  float share = (float)(fabs(laid->offset) / FRAME_SECONDS);
  int64_t step = laid->offset > 0 ? -1 : 1;
  for (int64_t i = 0; i < count; i++) {
    const uint8_t *here = bands + own[i] * BANDS;
    int64_t beside = own[i] + step;
    beside = beside < 0 ? 0 : beside >= laid->size ? laid->size - 1 : beside;
    const uint8_t *there = bands + beside * BANDS;
    if (share < 0.05f)
      for (int b = 0; b < BANDS; b++) ours[i * BANDS + b] = here[b];
    else
      for (int b = 0; b < BANDS; b++) ours[i * BANDS + b] = (1 - share) * here[b] + share * there[b];
  }
}

/* Of the prompt's frames those that are compared and were heard clearly, with both features. 0: no memory. */
int frames_of(const Laid *laid, int64_t low, int64_t high, Frames *frames) {
  low = low < 0 ? 0 : low;
  high = high < heard_size(laid) ? high : heard_size(laid);
  int64_t most = high > low ? high - low : 0;
  frames->count = 0;
  frames->own = PyMem_Malloc((size_t)(most + 1) * (sizeof(int64_t) + 2 * BANDS * sizeof(float)));
  if (!frames->own) return PyErr_NoMemory(), 0;
  frames->ours = (float *)(frames->own + most + 1);
  frames->theirs = frames->ours + (most + 1) * BANDS;
  for (int64_t frame = low; frame < high; frame++) {
    if (!(laid->marks[frame] & COUNTED) || !is_clear(laid, laid->start + frame)) continue;
    const uint8_t *heard = heard_at(laid, laid->start + frame);
    float *theirs = frames->theirs + frames->count * BANDS;
    for (int b = 0; b < BANDS; b++) theirs[b] = heard[b];
    frames->own[frames->count++] = frame;
  }
  between(laid, frames->own, frames->count, frames->ours);
  return 1;
}

void frames_free(Frames *frames) { PyMem_Free(frames->own); }

void means_of(const float *features, int64_t count, float *means) {
  float sums[BANDS] = {0};
  for (int64_t i = 0; i < count; i++)
    for (int b = 0; b < BANDS; b++) sums[b] += features[i * BANDS + b];
  for (int b = 0; b < BANDS; b++) means[b] = sums[b] / (float)count;
}

float product(const float *one, const float *other) {
  float lanes[4];
  for (int i = 0; i < 4; i++)
    lanes[i] = one[i] * other[i] + one[i + 4] * other[i + 4] + one[i + 8] * other[i + 8] + one[i + 12] * other[i + 12];
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

double likeness_of(const Frames *frames) {
  if (frames->count < 2) return 0;
  float our_means[BANDS], their_means[BANDS];
  float both[BANDS] = {0}, ours[BANDS] = {0}, theirs[BANDS] = {0};
  means_of(frames->ours, frames->count, our_means);
  means_of(frames->theirs, frames->count, their_means);
  for (int64_t i = 0; i < frames->count; i++)
    for (int b = 0; b < BANDS; b++) {
      float a = frames->ours[i * BANDS + b] - our_means[b], c = frames->theirs[i * BANDS + b] - their_means[b];
      both[b] += a * c, ours[b] += a * a, theirs[b] += c * c;
    }
  double sums[3] = {0};
  for (int b = 0; b < BANDS; b++) sums[0] += both[b], sums[1] += ours[b], sums[2] += theirs[b];
  return sums[0] / (sqrt(sums[1] * sums[2]) + 1.0);
}

/* The middle one of some values, which are put in another order. */
double median(float *values, int64_t count) {
  int64_t low = 0, high = count - 1, middle = count / 2;
  while (low < high) {
    float pivot = values[(low + high) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i <= j) {
        float kept = values[i];
        values[i++] = values[j], values[j--] = kept;
      }
    }
    if (middle <= j)
      high = j;
    else if (middle >= i)
      low = i;
    else
      break;
  }
  return values[middle];
}

/* --- its place ---------------------------------------------------------------------------------------------------- */

/* Take the prompt as loud as its frames `low` to `high` were heard. 0: no memory. */
static int find_level(Laid *laid, int64_t low, int64_t high) {
  if (low >= high) return 1;
  float few[PATCH], *louder = high - low > PATCH ? PyMem_Malloc((size_t)(high - low) * sizeof *louder) : few;
  int64_t count = 0;
  if (!louder) return PyErr_NoMemory(), 0;
  for (int64_t frame = low; frame < high; frame++) {
    float level = level_at(laid, laid->start + frame);
    if (level > SOUND_LEVEL && laid->marks[frame] & STRONG) louder[count++] = level - laid->prompt_levels[frame];
  }
  if (count) laid->louder = median(louder, count);
  if (louder != few) PyMem_Free(louder);
  return 1;
}

typedef struct {
  int32_t x[BANDS], y[BANDS], xx[BANDS], yy[BANDS], xy[BANDS];
} Sums;

static void add(Sums *sums, const uint8_t *x, const uint8_t *y) {
  for (int b = 0; b < BANDS; b++) {
    int16_t one = x[b], other = y[b];
    sums->x[b] += one, sums->y[b] += other;
    sums->xx[b] += one * one, sums->yy[b] += other * other, sums->xy[b] += one * other;
  }
}

/* How alike the prompt's frames `own` are to what was heard if it lay so many frames later. Frames that were not heard
   clearly count for the mean only. */
static double by_shift(const Laid *laid, const uint8_t *bands, const int64_t *own, int64_t count, int64_t shift) {
  Sums clear, unclear;
  memset(&clear, 0, sizeof clear);
  memset(&unclear, 0, sizeof unclear);
  int64_t clear_count = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t frame = laid->start + own[i] + shift;
    int is = is_clear(laid, frame);
    clear_count += is;
    add(is ? &clear : &unclear, heard_at(laid, frame), bands + own[i] * BANDS);
  }
  double both = 0, heard = 0, ours = 0;
  for (int b = 0; b < BANDS; b++) {
    double x = (double)(clear.x[b] + unclear.x[b]) / (double)count;
    double y = (double)(clear.y[b] + unclear.y[b]) / (double)count;
    both += clear.xy[b] - x * clear.y[b] - y * clear.x[b] + (double)clear_count * x * y;
    heard += clear.xx[b] - 2 * x * clear.x[b] + (double)clear_count * x * x;
    ours += clear.yy[b] + unclear.yy[b] - (double)count * y * y;
  }
  return both / (sqrt((heard > 0 ? heard : 0) * (ours > 0 ? ours : 0)) + 1.0);
}

static double top(double before, double here, double after) {
  double bend = before - 2 * here + after;
  if (!(bend < -1e-6)) return 0;
  double at = 0.5 * (before - after) / bend;
  return at < -0.5 ? -0.5 : at > 0.5 ? 0.5 : at;
}

/* Which of the shifts -most … most fits best; where it is `inner`, it is none of the two outermost. Its likeness. */
static double best_shift(const Laid *laid, const int64_t *own, int64_t count, int most, int inner, int *best,
                         double *beside) {
  const uint8_t *bands = prompt_bands(laid);
  double like[13];
  int size = 2 * most + 1;
  for (int i = 0; i < size; i++) like[i] = by_shift(laid, bands, own, count, i - most);
  *best = inner;
  for (int i = inner; i < size - inner; i++)
    if (like[i] > like[*best]) *best = i;
  *beside = *best > 0 && *best < size - 1 ? top(like[*best - 1], like[*best], like[*best + 1]) : 0;
  return like[*best];
}

static PyObject *placed(Laid *laid, double like) {
  PyObject *result =
      Py_BuildValue("dLdd", like, (long long)laid->start, laid->offset, laid->louder);
  laid_free(laid);
  return result;
}

int is_flat(const float *heard) {
  float low = heard[0], high = heard[0];
  for (int b = 1; b < BANDS; b++) {
    low = heard[b] < low ? heard[b] : low;
    high = heard[b] > high ? heard[b] : high;
  }
  return high - low < FLAT;
}

static int is_silent(const Laid *laid, int64_t frame) {
  float heard[BANDS];
  const uint8_t *bands = heard_at(laid, frame);
  for (int b = 0; b < BANDS; b++) heard[b] = bands[b];
  return !is_loud(laid, frame) && is_flat(heard);
}

static PyObject *place_by_patch(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  Laid laid;
  if (!laid_of(args, given, 1, &laid)) return NULL;
  int64_t end = PyLong_AsLongLong(args[10]), own[PATCH], count = 0;
  if (PyErr_Occurred() || end < -PATCH || end > laid.size + PATCH) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a patch that the prompt does not have");
    return laid_free(&laid), NULL;
  }
  int64_t low = end + 1 - PATCH > 0 ? end + 1 - PATCH : 0;
  int64_t high = end + 1 < heard_size(&laid) ? end + 1 : heard_size(&laid);
  if (low >= high) return placed(&laid, 0);
  if (!find_level(&laid, low, high)) return laid_free(&laid), NULL;
  for (int64_t frame = low; frame < high; frame++) {
    int counts = laid.marks[frame] & COUNTED && is_clear(&laid, laid.start + frame);
    /* silence where there should be sound, and a flat one: it was cut off */
    if (counts && !(laid.marks[frame] & STRONG && is_silent(&laid, laid.start + frame))) own[count++] = frame;
  }
  if (count < BLOCK / 2) return placed(&laid, 0);
  int best;
  double beside, like = best_shift(&laid, own, count, 3, 1, &best, &beside);
  laid.start += best - 3;
  laid.offset = beside * FRAME_SECONDS;
  return placed(&laid, like);
}

static PyObject *place_by_all(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  Laid laid;
  if (!laid_of(args, given, 1, &laid)) return NULL;
  int64_t first = frame_of(args[10], &laid), high = heard_size(&laid), count = 0, kept = 0;
  if (PyErr_Occurred()) return laid_free(&laid), NULL;
  for (int64_t frame = first; frame < high; frame++) count += laid.marks[frame] & COUNTED;
  int64_t step = count / PLACED_BY > 1 ? count / PLACED_BY : 1, own[2 * PLACED_BY], number = 0;
  for (int64_t frame = first; frame < high; frame++)
    if (laid.marks[frame] & COUNTED && number++ % step == 0) own[kept++] = frame;
  if (kept < BLOCK / 2) return placed(&laid, 0);
  if (!find_level(&laid, first, high)) return laid_free(&laid), NULL;
  int best;
  double beside, like = best_shift(&laid, own, kept, 6, 0, &best, &beside);
  if (best > 0 && best < 12) {
    laid.start += best - 6;
    laid.offset = beside * FRAME_SECONDS;
  }
  return placed(&laid, like);
}

static PyObject *likeness(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  Laid laid;
  Frames frames;
  if (!laid_of(args, given, 1, &laid)) return NULL;
  int64_t first = frame_of(args[10], &laid);
  if (PyErr_Occurred() || !frames_of(&laid, first, laid.size, &frames)) return laid_free(&laid), NULL;
  PyObject *result = Py_BuildValue("Ld", (long long)frames.count, likeness_of(&frames));
  frames_free(&frames);
  laid_free(&laid);
  return result;
}

PyMethodDef laid_functions[] = {
    {"place_by_patch", (PyCFunction)(void (*)(void))place_by_patch, METH_FASTCALL, NULL},
    {"place_by_all", (PyCFunction)(void (*)(void))place_by_all, METH_FASTCALL, NULL},
    {"likeness", (PyCFunction)(void (*)(void))likeness, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL}};
