/* One prompt laid over what was heard: what laid.c and judged.c share. Names are those of alignment.py. */
#ifndef BOTKIT_LAID_H
#define BOTKIT_LAID_H

#include "native.h"

enum { PATCH = 32, BLOCK = 16, LONG_BLOCK = 24, STRIDE = 4, SILENT = 5, LATE_BY = 15, PAUSE = 4 };
enum { MAY_SLIP = 64, SLIP = 3, SLIPS = 2, PLACED_BY = 48, BEGINS_BY = 160, FLAT = 60, STILL = 3 };
enum { COUNTED = 1, STRONG = 2, ACTIVE = 4 }; /* marks of a prompt's frames: reference.py */

#define FRAME_SECONDS 0.02
#define SOUND_LEVEL -45.0f
#define FLOOR -100.0f
#define MAX_CUT 1.3
#define MAX_SHARE_CUT 0.67
#define PRESENT 0.2f
#define FOREIGN 0.66
#define LONG_FOREIGN 0.73
#define CLEAR 0.85
#define CLOSING 15.0
#define UNWILLING 0.05
#define FITS 0.4

/* The arguments of one call: what was heard (a slot's part of a BandStore), a prompt, and where it lies. */
typedef struct {
  Py_buffer views[8];
  int borrowed;
  /* the ring: RING frames; those from `oldest` on and before `count` are there */
  const uint8_t *bands, *clear;
  const float *levels;
  const double *times;
  int64_t ring, count, oldest;
  /* the prompt: its features at each gain, (gains, size, BANDS), and its frames */
  const uint8_t *stack, *marks;
  const float *prompt_levels;
  const int32_t *active_before;
  int64_t gains, size, first, last;
  double lowest_gain, gain_step;
  /* its frame 0 on the ring's frame `start`, and `offset` seconds later; `louder` dB louder than its file */
  int64_t start;
  double offset, louder;
} Laid;

/* Frames of the prompt that were compared, `count` of them, and the features of both, (count, BANDS). */
typedef struct {
  int64_t count;
  int64_t *own;
  float *ours, *theirs;
} Frames;

int laid_of(PyObject *const *args, Py_ssize_t count, Py_ssize_t wanted, Laid *laid);
void laid_free(Laid *laid);
int frames_of(const Laid *laid, int64_t low, int64_t high, Frames *frames);
void frames_free(Frames *frames);
void means_of(const float *features, int64_t count, float *means);
float product(const float *one, const float *other);
float level_at(const Laid *laid, int64_t frame);
double likeness_of(const Frames *frames);
double median(float *values, int64_t count);
int is_flat(const float *heard); /* it is next to silent: silence has one shape */

static inline int64_t place_of(const Laid *laid, int64_t frame) {
  int64_t place = frame % laid->ring;
  return place < 0 ? place + laid->ring : place;
}
static inline int is_there(const Laid *laid, int64_t frame) { return frame >= laid->oldest && frame < laid->count; }
static inline int is_clear(const Laid *laid, int64_t frame) {
  return is_there(laid, frame) && laid->clear[place_of(laid, frame)];
}
static inline int is_loud(const Laid *laid, int64_t frame) { return level_at(laid, frame) > SOUND_LEVEL; }
static inline const uint8_t *heard_at(const Laid *laid, int64_t frame) {
  return laid->bands + place_of(laid, frame) * BANDS;
}
static inline int64_t heard_size(const Laid *laid) {
  int64_t size = laid->count - laid->start;
  return size < laid->size ? size : laid->size;
}
static inline const uint8_t *prompt_bands(const Laid *laid) {
  double index = rint((laid->louder - laid->lowest_gain) / laid->gain_step);
  int64_t gain = !(index > 0) ? 0 : index >= (double)laid->gains ? laid->gains - 1 : (int64_t)index; /* NaN: 0 */
  return laid->stack + gain * laid->size * BANDS;
}

#endif
