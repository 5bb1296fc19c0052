/* Features of frames: what bands.c gives to prompts.c. */
#ifndef BOTKIT_BANDS_H
#define BOTKIT_BANDS_H

#include "arrays.h"

enum {
  WINDOW = 256,
  BEFORE = WINDOW - FRAME,
  LANES = 8, /* frames that are computed side by side */
};

/* Windows of `count` frames, LANES at most, of int16 range, in the order of time. Their features, each at its `out`. */
void bands_of(float windows[LANES][WINDOW], int count, uint8_t *const *out);

/* Fill a window with the end of a slot's last frame and its next one, and keep the end of that in `tail`. */
void next_window(float *window, float *tail, const int16_t *frame);

/* Whether `bands_begin` was called; else a Python error. */
int bands_known(void);

#endif
