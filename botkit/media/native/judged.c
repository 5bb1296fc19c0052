/* One prompt laid over what was heard: where it begins, and how well it was heard. The twin of alignment.py; see there
   for why. */
#include "laid.h"

#include <math.h>
#include <string.h>

static int is_strong(const Laid *laid, int64_t frame) { return (laid->marks[frame] & STRONG) != 0; }

/* --- its beginning ------------------------------------------------------------------------------------------------ */

/* When a frame of the ring began; of those not there, by their distance. */
static double ring_time(const Laid *laid, int64_t frame) {
  int64_t known = frame > laid->oldest ? frame : laid->oldest;
  if (known > laid->count - 1) known = laid->count - 1;
  return laid->times[place_of(laid, known)] + (double)(frame - known) * FRAME_SECONDS;
}

static double time_of(const Laid *laid, int64_t frame) { return ring_time(laid, laid->start + frame) + laid->offset; }

/* Whether sound came out of silence just where the prompt's first sound should. */
static int begins_as_written(const Laid *laid) {
  int64_t first = laid->start + laid->first;
  for (int64_t frame = first - SILENT - 2; frame < first - 2; frame++)
    if (is_loud(laid, frame)) return 0;
  return is_loud(laid, first + 1) && is_loud(laid, first + 2) && is_loud(laid, first + 3);
}

/* The first frame of sound after silence, if there was silence shortly before `first`; INT64_MIN where there was none. */
static int64_t out_of_silence(const Laid *laid, int64_t first) {
  int64_t after = INT64_MIN;
  int quiet = 0;
  for (int64_t frame = first - LATE_BY - SILENT; frame < first + PAUSE; frame++) {
    if (!is_loud(laid, laid->start + frame)) {
      quiet++;
      continue;
    }
    if (quiet >= SILENT) after = frame;
    quiet = 0;
  }
  return quiet >= SILENT ? INT64_MIN : after;
}

static int64_t strong_before(const Laid *laid, double seconds) {
  double wanted = ceil(seconds / FRAME_SECONDS);
  int64_t count = 0, end = !(wanted > 0) ? 0 : wanted > (double)laid->size ? laid->size : (int64_t)wanted;
  for (int64_t frame = 0; frame < end; frame++) count += is_strong(laid, frame);
  return count;
}

/* How alike each of the frames is around the means of those from `low` to `high` that are not flat, less PRESENT; where
   silence stands for sound, that it is not. 0 where there are none. */
static int alike_of(const Laid *laid, const Frames *frames, int64_t low, int64_t high, float *alike) {
  float ours[BANDS] = {0}, theirs[BANDS] = {0};
  int64_t known = 0;
  for (int64_t i = 0; i < frames->count; i++) {
    const float *heard = frames->theirs + i * BANDS;
    if (frames->own[i] < low || frames->own[i] > high || is_flat(heard)) continue;
    for (int b = 0; b < BANDS; b++) ours[b] += frames->ours[i * BANDS + b], theirs[b] += heard[b];
    known++;
  }
  if (!known) return 0;
  for (int b = 0; b < BANDS; b++) ours[b] /= (float)known, theirs[b] /= (float)known;
  for (int64_t i = 0; i < frames->count; i++) {
    float a[BANDS], c[BANDS];
    for (int b = 0; b < BANDS; b++) {
      a[b] = frames->ours[i * BANDS + b] - ours[b];
      c[b] = frames->theirs[i * BANDS + b] - theirs[b];
    }
    alike[i] = product(a, c) / (sqrtf(product(a, a) * product(c, c)) + 1.0f) - PRESENT;
    int64_t frame = frames->own[i];
    if (!is_flat(frames->theirs + i * BANDS) || is_loud(laid, laid->start + frame)) continue;
    if (laid->marks[frame] & ACTIVE) alike[i] = -PRESENT;
    if (is_strong(laid, frame)) alike[i] = -1.0f;
  }
  return 1;
}

/* The frame number from which on all that follows is most alike. */
static int64_t most_alike_from(const Frames *frames, const float *alike) {
  int64_t best = frames->count - 1;
  float sum = 0, most = -INFINITY;
  for (int64_t i = frames->count - 1; i >= 0; i--) {
    sum += alike[i];
    if (sum >= most) most = sum, best = i;
  }
  return best;
}

static int begins_at(const Laid *laid, const Frames *frames, int64_t low, int64_t high, int64_t *begin, double *onset) {
  float alike[BEGINS_BY];
  const int64_t *own = frames->own;
  if (frames->count < BLOCK / 2 || !alike_of(laid, frames, low, high, alike)) return 0;
  int64_t index = most_alike_from(frames, alike), missing = -1;
  if (index + 1 < frames->count && own[index] > laid->first + PAUSE && own[index + 1] - own[index] > PAUSE)
    index++; /* the scrap of a word before it is no beginning */
  int64_t first = own[index] > laid->first ? own[index] : laid->first, loud = out_of_silence(laid, first);
  if (loud != INT64_MIN) {
    *onset = ring_time(laid, laid->start + loud);
    missing = strong_before(laid, *onset - time_of(laid, 0) - FRAME_SECONDS / 2);
    *begin = loud > laid->first ? loud : laid->first;
  } else {
    for (int64_t i = 0; i < frames->count; i++)
      missing += own[i] < first && is_strong(laid, own[i]) && alike[i] < -PRESENT;
    *begin = first;
    *onset = time_of(laid, first);
  }
  if (missing <= 0) { /* its softest sounds may be too soft for this line */
    *begin = laid->first;
    *onset = time_of(laid, laid->first);
    return 1;
  }
  if (*begin > laid->last) return 0; /* what came out of silence there is something else */
  double cut = laid->active_before[*begin] * FRAME_SECONDS;
  double share = laid->active_before[laid->size] * FRAME_SECONDS * MAX_SHARE_CUT;
  return cut <= (share < MAX_CUT ? share : MAX_CUT);
}

static PyObject *beginning(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  Laid laid;
  Frames frames;
  if (!laid_of(args, given, 2, &laid)) return NULL;
  int64_t low = PyLong_AsLongLong(args[10]), high = PyLong_AsLongLong(args[11]), begin = laid.first;
  double onset = 0;
  int found = 1;
  if (PyErr_Occurred()) return laid_free(&laid), NULL;
  if (begins_as_written(&laid)) {
    onset = time_of(&laid, begin);
  } else {
    if (!frames_of(&laid, 0, BEGINS_BY, &frames)) return laid_free(&laid), NULL;
    found = begins_at(&laid, &frames, low, high, &begin, &onset);
    frames_free(&frames);
  }
  laid_free(&laid);
  if (!found) Py_RETURN_NONE;
  return Py_BuildValue("Ld", (long long)begin, onset);
}

/* --- how well ----------------------------------------------------------------------------------------------------- */

/* Running sums over two stretches of features around their means: of both, of ours, of theirs. */
typedef struct {
  int64_t count;
  double *both, *ours, *theirs;
  double likeness;
} Blocks;

static int blocks_of(const Frames *frames, int64_t count, Blocks *blocks) {
  float our_means[BANDS], their_means[BANDS];
  means_of(frames->ours, count, our_means);
  means_of(frames->theirs, count, their_means);
  blocks->count = count;
  blocks->both = PyMem_Calloc((size_t)(3 * (count + 1)), sizeof(double));
  if (!blocks->both) return PyErr_NoMemory(), 0;
  blocks->ours = blocks->both + count + 1, blocks->theirs = blocks->ours + count + 1;
  for (int64_t i = 0; i < count; i++) {
    float a[BANDS], c[BANDS];
    for (int b = 0; b < BANDS; b++) {
      a[b] = frames->ours[i * BANDS + b] - our_means[b];
      c[b] = frames->theirs[i * BANDS + b] - their_means[b];
    }
    blocks->both[i + 1] = blocks->both[i] + product(a, c);
    blocks->ours[i + 1] = blocks->ours[i] + product(a, a);
    blocks->theirs[i + 1] = blocks->theirs[i] + product(c, c);
  }
  blocks->likeness = blocks->both[count] / (sqrt(blocks->ours[count] * blocks->theirs[count]) + 1.0);
  return 1;
}

/* The first block of `size` frames that is less alike than `least`; -1 where there is none. */
static int64_t first_below(const Blocks *blocks, int64_t size, double least) {
  if (blocks->count <= size) return blocks->likeness < least ? 0 : -1;
  double still = (double)size * BANDS * STILL * STILL;
  for (int64_t begin = 0; begin + size <= blocks->count; begin += STRIDE) {
    double both = blocks->both[begin + size] - blocks->both[begin];
    double ours = blocks->ours[begin + size] - blocks->ours[begin];
    double theirs = blocks->theirs[begin + size] - blocks->theirs[begin];
    if ((both + still) / (sqrt(ours * theirs) + still) < least) return begin / STRIDE;
  }
  return -1;
}

/* The last frame that was heard before it fell silent for good, about there; -1 where it did not. */
static int64_t broke_off(const Laid *laid, const Frames *frames, int64_t about) {
  int64_t i = frames->count - 1, last = frames->own[i];
  while (i >= 0 && !is_loud(laid, laid->start + frames->own[i])) i--;
  int64_t end = i < 0 ? -1 : frames->own[i];
  return end <= about + BLOCK && end < last - SILENT ? end : -1;
}

/* Whether sound was heard where the prompt, heard from `first` on, has fallen silent; -1: no memory. */
static int goes_on(const Laid *laid, int64_t first, int64_t now) {
  int64_t begin = laid->last + 2, end = laid->last + 6 < laid->size ? laid->last + 6 : laid->size;
  end = end < now ? end : now;
  if (end - begin < 2) return 0;
  float quiet[4], *strong = PyMem_Malloc((size_t)(end - first + 1) * sizeof *strong);
  int64_t quiet_count = 0, strong_count = 0;
  if (!strong) return PyErr_NoMemory(), -1;
  for (int64_t frame = begin; frame < end; frame++)
    if (is_clear(laid, laid->start + frame)) quiet[quiet_count++] = level_at(laid, laid->start + frame);
  for (int64_t frame = first; frame < end; frame++)
    if (is_strong(laid, frame)) strong[strong_count++] = level_at(laid, laid->start + frame);
  int result = quiet_count && strong_count && median(quiet, quiet_count) > median(strong, strong_count) - CLOSING;
  PyMem_Free(strong);
  return result;
}

/* How alike a block of the prompt is to what was heard from the ring's frame `first` on. */
static double like_there(const Laid *laid, const int64_t *part, int64_t size, int64_t first, const float *wanted,
                         const float *mean) {
  float both = 0, ours = 0, theirs = 0;
  for (int64_t i = 0; i < size; i++) {
    float given[BANDS];
    int64_t frame = first + part[i] - part[0];
    const uint8_t *heard = heard_at(laid, frame);
    ours += product(wanted + i * BANDS, wanted + i * BANDS);
    if (!is_clear(laid, frame)) continue;
    for (int b = 0; b < BANDS; b++) given[b] = (float)heard[b] - mean[b];
    both += product(wanted + i * BANDS, given);
    theirs += product(given, given);
  }
  return both / (sqrt((double)ours * theirs) + 1.0);
}

/* What was heard, where some frames have slipped in or out from the frame number `wrong` on: each block is taken from
   where it fits best. As it was where that needs too many slips. 0: no memory. */
static int slip(const Laid *laid, Frames *frames, int64_t wrong) {
  float our_means[BANDS], their_means[BANDS], wanted[BLOCK * BANDS];
  float *taken = PyMem_Malloc((size_t)frames->count * BANDS * sizeof *taken);
  if (!taken) return PyErr_NoMemory(), 0;
  memcpy(taken, frames->theirs, (size_t)frames->count * BANDS * sizeof *taken);
  means_of(frames->ours, frames->count, our_means);
  means_of(frames->theirs, frames->count, their_means);
  int slips = 0, missed = 0;
  int64_t shift = 0;
  for (int64_t begin = wrong / BLOCK * BLOCK; begin < frames->count && missed <= 1 && slips <= SLIPS; begin += BLOCK) {
    int64_t size = frames->count - begin < BLOCK ? frames->count - begin : BLOCK, best = 0;
    const int64_t *part = frames->own + begin;
    double most = -INFINITY;
    for (int64_t i = 0; i < size * BANDS; i++) wanted[i] = frames->ours[begin * BANDS + i] - our_means[i % BANDS];
    for (int64_t by = 0; by <= 2 * SLIP; by++) {
      int64_t first = laid->start + part[0] + shift + by - SLIP;
      double like = like_there(laid, part, size, first, wanted, their_means) - (by == SLIP ? 0 : UNWILLING);
      if (like > most) most = like, best = by;
    }
    missed += most < FOREIGN;
    if (!(most > FITS)) continue;
    for (int64_t i = 0; i < size; i++) {
      const uint8_t *heard = heard_at(laid, laid->start + part[i] + shift + best - SLIP);
      for (int b = 0; b < BANDS; b++) taken[(begin + i) * BANDS + b] = heard[b];
    }
    slips += best != SLIP;
    shift += best - SLIP;
  }
  if (missed <= 1 && slips <= SLIPS) memcpy(frames->theirs, taken, (size_t)frames->count * BANDS * sizeof *taken);
  PyMem_Free(taken);
  return 1;
}

/* What `score` finds: how alike all is, what share of it was heard, and its last frame. */
typedef struct {
  double likeness, share;
  int64_t end;
} Heard;

/* The blocks of a prompt that broke off, up to its end; 1: judged, 0: go on, -1: no memory. */
static int end_there(const Laid *laid, const Frames *frames, int64_t foreign, int64_t first, Blocks *blocks,
                     Heard *heard) {
  int64_t broke = frames->own[foreign * STRIDE + BLOCK / 2], there = 0;
  int64_t end = broke_off(laid, frames, broke);
  while (there < frames->count && frames->own[there] <= end) there++;
  heard->end = broke;
  if (end < 0 || there < BLOCK) return 1;
  PyMem_Free(blocks->both);
  blocks->both = NULL;
  if (!blocks_of(frames, there, blocks)) return -1;
  heard->end = first_below(blocks, BLOCK, FOREIGN) >= 0 ? first : end;
  return heard->end == first;
}

/* 0: no memory. Without a share it is no match. */
static int judge(const Laid *laid, Frames *frames, int64_t first, Blocks *blocks, Heard *heard) {
  int64_t now = heard_size(laid), size = frames->count;
  if (size < BLOCK / 2) return 1;
  if (!blocks_of(frames, size, blocks)) return 0;
  if ((size < 16 && blocks->likeness < 0.88) || (size < 28 && blocks->likeness < 0.84)) return 1;
  int64_t foreign = first_below(blocks, BLOCK, FOREIGN);
  if ((foreign >= 0 || blocks->likeness < CLEAR) && size >= MAY_SLIP) {
    PyMem_Free(blocks->both);
    blocks->both = NULL;
    if (!slip(laid, frames, foreign >= 0 ? foreign * STRIDE : 0) || !blocks_of(frames, size, blocks)) return 0;
    foreign = first_below(blocks, BLOCK, FOREIGN);
  }
  int64_t end = frames->own[size - 1] < laid->last ? frames->own[size - 1] : laid->last;
  if (foreign >= 0) {
    int over = end_there(laid, frames, foreign, first, blocks, heard);
    if (over) return over > 0;
    end = heard->end;
  } else {
    int on = goes_on(laid, first, now);
    if (on) return on > 0;
  }
  heard->end = first;
  if (first_below(blocks, LONG_BLOCK, LONG_FOREIGN) >= 0) return 1;
  const int32_t *active = laid->active_before;
  int32_t sound = active[now] - active[first];
  heard->end = end;
  heard->likeness = blocks->likeness;
  heard->share = (double)(active[end + 1] - active[first]) / (sound > 1 ? sound : 1);
  return 1;
}

static PyObject *score(PyObject *self, PyObject *const *args, Py_ssize_t given) {
  Laid laid;
  Frames frames;
  if (!laid_of(args, given, 1, &laid)) return NULL;
  int64_t first = PyLong_AsLongLong(args[10]);
  if (!PyErr_Occurred() && (first < 0 || first > laid.last))
    PyErr_SetString(PyExc_ValueError, "a frame that is not of the prompt's sound");
  if (PyErr_Occurred() || !frames_of(&laid, first, laid.size, &frames)) return laid_free(&laid), NULL;
  Heard heard = {0, 0, first};
  Blocks blocks = {0, NULL, NULL, NULL, 0};
  int done = judge(&laid, &frames, first, &blocks, &heard);
  PyMem_Free(blocks.both);
  frames_free(&frames);
  laid_free(&laid);
  return done ? Py_BuildValue("ddL", heard.likeness, heard.share, (long long)heard.end) : NULL;
}

PyMethodDef judged_functions[] = {
    {"beginning", (PyCFunction)(void (*)(void))beginning, METH_FASTCALL, NULL},
    {"score", (PyCFunction)(void (*)(void))score, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL}};
