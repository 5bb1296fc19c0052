/* Which of the frames that voice detection takes for speech are a steady tone instead: the twin of steady.py, where
   the theory of operation is. The same functions by the same names; a verdict is told as soon as it is known, which is
   in the order in which the Python has them in its lists. */
#include "speech.h"
#include <string.h>

static const double STEP = 2.5, FRAME_SECONDS = 0.02;

/* What `all` had to tell. */
typedef enum { NOTHING, NO_VOICE, VOICE } Last;

/* --- pending frames --- */

static void *grown(void *old, size_t size) { return PyMem_Realloc(old, size); }

/* There are never more than some 25 frames in doubt, where `spoilt` is small; but that is the state machine's promise,
   and memory need not rest on it. */
int tones_reserve(Tones *tones) {
  Pending *pending = &tones->pending;
  if (pending->count < pending->room) return 1;
  size_t room = pending->room ? 2 * (size_t)pending->room : 4;
  double *at = grown(pending->at, room * sizeof *at);
  if (at) pending->at = at;
  char *voiced = grown(pending->voiced, room);
  if (voiced) pending->voiced = voiced;
  int16_t(*samples)[FRAME] = grown(pending->samples, room * sizeof *samples);
  if (samples) pending->samples = samples;
  if (!at || !voiced || !samples) return 0;
  pending->room = (int)room;
  return 1;
}

void tones_free(Tones *tones) {
  PyMem_Free(tones->pending.at);
  PyMem_Free(tones->pending.voiced);
  PyMem_Free(tones->pending.samples);
  memset(&tones->pending, 0, sizeof tones->pending);
}

static void append(Pending *pending, const Heard *frame) {
  int last = pending->count++;
  pending->at[last] = frame->at;
  pending->voiced[last] = (char)frame->voiced;
  memcpy(pending->samples[last], frame->samples, sizeof *pending->samples);
}

static void drop(Pending *pending, int first) {
  int rest = pending->count -= first;
  memmove(pending->at, pending->at + first, rest * sizeof *pending->at);
  memmove(pending->voiced, pending->voiced + first, rest);
  memmove(pending->samples, pending->samples + first, rest * sizeof *pending->samples);
}

/* --- judging a run --- */

static int within(double step) { return -STEP <= step && step <= STEP; }

static int tone_in(const Tones *tones, int first, int last) {
  return is_tone(tones->pending.samples[first], last - first);
}

static int is_tonal(const Tones *tones, int run) {
  int end = tones->pending.count, begin = end - run, half = (run + 1) / 2;
  if (tone_in(tones, run >= SHORT ? begin + 1 : begin, end)) return 1;
  return (tones->tone || tones->suspect) && (tone_in(tones, end - half, end) || tone_in(tones, begin, end - half));
}

static int smaller(int one, int other) { return one < other ? one : other; }

static Last all(Tones *tones, int voice, Listener *listener) {
  Pending *pending = &tones->pending;
  Last last = NOTHING;
  for (int row = 0; row < pending->count; row++) {
    int is_voice = voice && pending->voiced[row];
    last = is_voice ? VOICE : NO_VOICE;
    listener->told(listener, pending->at[row], is_voice);
  }
  pending->count = 0;
  tones->run = tones->suspect = tones->torn = 0;
  return last;
}

static Last ended(Tones *tones, int heard, int judged, int unsure, Listener *listener) {
  if (tones->torn && tones->run < SHORT)
    unsure = 0;
  else if (judged && !heard && tones->pending.count)
    unsure = !is_tonal(tones, smaller(tones->run, tones->pending.count));
  return all(tones, unsure && !(tones->suspect && !judged), listener);
}

static void judge(Tones *tones, int heard, Listener *listener) {
  Pending *pending = &tones->pending;
  int run = smaller(tones->run, pending->count);
  tones->suspect = is_tonal(tones, run);
  if (!tones->suspect) {
    tones->tone = 0;
    all(tones, 1, listener);
    return;
  }
  if (tones->run < LONG && !tones->tone) return;
  tones->tone = 1;
  if (heard) {
    int before = pending->count - run;
    for (int row = 0; row < before; row++) listener->told(listener, pending->at[row], pending->voiced[row]);
    drop(pending, before);
  }
  all(tones, 0, listener);
}

/* --- one frame after the other --- */

void tones_stop(Tones *tones, int heard, Listener *listener) {
  ended(tones, heard, tones->run >= 2, 1, listener);
  tones->tone = tones->edge = 0;
}

int tones_go_on(Tones *tones, const Heard *frame, double *known) {
  Pending *pending = &tones->pending;
  if (tones->tone || !pending->count) return 0;
  if (within(frame->level - tones->level)) {
    if (tones->suspect || tones->run < 1 || tones->run == LONG - 1) return 0;
    tones->run++;
    *known = 0;
  } else {
    *known = pending->at[pending->count - 1];
    pending->count = 0;
    tones->run = 1;
  }
  append(pending, frame);
  tones->level = frame->level;
  tones->next = frame->at + 1.5 * FRAME_SECONDS;
  return 1;
}

static void broken(Tones *tones, const Heard *frame, double step, Listener *listener) {
  Pending *pending = &tones->pending;
  int falls = step < -STEP;
  if (!falls && !tones->suspect && pending->count <= EDGES) {
    if (pending->count == EDGES) {
      listener->told(listener, pending->at[0], pending->voiced[0]);
      drop(pending, 1);
    }
  } else {
    int suspect = tones->suspect;
    Last last = ended(tones, 0, falls && tones->run >= 2, 1, listener);
    if (falls && (suspect || last == NO_VOICE)) {
      tones->tone = tones->edge = 1;
      listener->told(listener, frame->at, 0);
      return;
    }
  }
  append(pending, frame);
  tones->run = 1;
}

static void in_tone(Tones *tones, const Heard *frame, double step, int lost, int heard, Listener *listener) {
  if (lost) {
    all(tones, 0, listener);
    tones->run = 1 - tones->spoilt;
    listener->told(listener, frame->at, 0);
  } else if (tones->run < 1) {
    tones->run++;
    listener->told(listener, frame->at, 0);
  } else if (step < -STEP) {
    tones->edge = 1;
    ended(tones, heard, tones->run >= SHORT, 0, listener);
    listener->told(listener, frame->at, 0);
  } else if (step > STEP || tones->edge) {
    ended(tones, heard, tones->run >= SHORT, 0, listener);
    tones->tone = tones->edge = 0;
    append(&tones->pending, frame);
    tones->run = 1;
  } else {
    append(&tones->pending, frame);
    tones->run++;
    if (tones->pending.count >= LONG) judge(tones, heard, listener);
  }
}

void tones_push(Tones *tones, const Heard *frame, int heard, Listener *listener) {
  Pending *pending = &tones->pending;
  double step = frame->level - tones->level;
  int lost = frame->at > tones->next;
  tones->level = frame->level;
  tones->next = frame->at + 1.5 * FRAME_SECONDS;
  if (tones->tone) {
    in_tone(tones, frame, step, lost, heard, listener);
    return;
  }
  if (heard && !within(step)) { /* as most frames of a voice: only how long it lasts is news */
    if (pending->count) listener->told(listener, pending->at[pending->count - 1], 1);
    pending->count = 0;
    append(pending, frame);
    tones->run = 1;
    return;
  }
  if (lost && tones->suspect) {
    tones->tone = 1;
    all(tones, 0, listener);
    listener->told(listener, frame->at, 0);
    tones->run = 1 - tones->spoilt;
    return;
  }
  if (lost && pending->count && !heard) {
    tones->run = 1 - tones->spoilt;
    tones->torn = within(step);
    append(pending, frame);
  } else if (pending->count && (within(step) || tones->run < 1)) {
    tones->run++;
    append(pending, frame);
  } else {
    broken(tones, frame, step, listener);
  }
  if (tones->run == LONG || (!heard && (tones->run == SHORT || tones->run == MIDDLE)))
    judge(tones, heard, listener);
  else if (pending->count >= LONG + EDGES && !heard && !tones->suspect)
    all(tones, 1, listener);
}
