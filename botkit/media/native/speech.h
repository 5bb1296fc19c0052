/* What the parts of speech hearing share: speech.c (the twin of vad.py), steady.c, spectrum.c. */
#ifndef BOTKIT_NATIVE_SPEECH_H
#define BOTKIT_NATIVE_SPEECH_H

#include "native.h"

enum { SHORT = 3, MIDDLE = 6, LONG = 11, EDGES = 2 };
enum { WHOLE_PIECE = 10, TONE_FRAMES = 12 };

/* --- spectrum.c --- */

/* Whether so many frames in a row, of 160 samples, are one or two frequencies and nothing else. What is shorter than
   two frames is none, and nor is what is longer than `TONE_FRAMES`. */
int is_tone(const int16_t *samples, int frames);

/* --- steady.c --- */

/* Frames of which nothing has been told, the oldest first. Their samples lie in a row, as `is_tone` wants them. */
typedef struct {
  int count, room;
  double *at;
  char *voiced;
  int16_t (*samples)[FRAME];
} Pending;

/* Takes a frame's verdict: when it began, and whether it is a voice. */
typedef struct Listener {
  void (*told)(struct Listener *listener, double at, int voice);
} Listener;

/* One call's steady tones: the fields are those of `SteadyTones`. */
typedef struct {
  Pending pending;
  int spoilt, run, suspect, torn, tone, edge;
  double level, next;
} Tones;

/* One frame. */
typedef struct {
  const int16_t *samples;
  double at, level;
  int voiced;
} Heard;

/* Room for one more frame; 0 where there is no memory. What follows needs it. */
int tones_reserve(Tones *tones);
void tones_free(Tones *tones);
static inline int tones_idle(const Tones *tones) { return !tones->pending.count && !tones->tone; }

/* As `SteadyTones.stop`, `push` and `go_on` (0 where it is None); verdicts are told at once. */
void tones_stop(Tones *tones, int heard, Listener *listener);
void tones_push(Tones *tones, const Heard *frame, int heard, Listener *listener);
int tones_go_on(Tones *tones, const Heard *frame, double *known);

#endif
