/* One call's speech and silence: the twin of `VoiceActivity` in vad.py, where its states are told of.

   webrtcvad is asked as the Python asks it, by the function of its module: given to the constructor with the detector.
   A fact is (at, None) for speech that began at `at`, and (at, duration) for speech that ended then. */
#include "speech.h"
#include <structmember.h>
#include <string.h>

enum { RATE = 8000 };
typedef enum { QUIET, STARTING, SPEAKING, STOPPING } State;

static const double FRAME_SECONDS = 0.02;

typedef struct {
  PyObject_HEAD
  PyObject *process, *detector, *rate, *length; /* what webrtcvad is asked with */
  double start_after, stop_after, min_level;
  State state;
  long voiced, unvoiced; /* frames since this state began */
  double started, first_voiced, last_voiced;
  Tones tones;
} Speech;

/* Takes in the verdicts of one call's frames and collects the facts. */
typedef struct {
  Listener listener; /* first: it is what steady.c knows of this */
  Speech *speech;
  PyObject *facts; /* a list; NULL while there are none */
  PyObject *slot;  /* goes before each; NULL for none */
  int failed;      /* a Python error is set */
} Teller;

/* `duration` is NULL for speech that began. */
static void tell(Teller *teller, double at, const double *duration) {
  if (teller->failed) return;
  PyObject *ended = duration ? PyFloat_FromDouble(*duration) : Py_NewRef(Py_None), *fact = NULL;
  if (ended) fact = teller->slot ? Py_BuildValue("(OdN)", teller->slot, at, ended) : Py_BuildValue("(dN)", at, ended);
  if (fact && !teller->facts) teller->facts = PyList_New(0);
  teller->failed = !fact || !teller->facts || PyList_Append(teller->facts, fact) < 0;
  Py_XDECREF(fact);
}

/* --- the states --- */

static void voiced_frame(Speech *self, double at, Teller *teller) {
  self->last_voiced = at + FRAME_SECONDS;
  if (self->state == STOPPING) {
    self->state = SPEAKING;
    return;
  }
  if (self->state == QUIET) {
    self->state = STARTING;
    self->first_voiced = at;
    self->voiced = self->unvoiced = 0;
  }
  self->voiced++;
  if (self->last_voiced - self->first_voiced < self->start_after - FRAME_SECONDS / 2) return;
  self->state = SPEAKING;
  self->started = self->first_voiced;
  tell(teller, self->started, NULL);
}

static void unvoiced_frame(Speech *self, double at, Teller *teller) {
  if (self->state == STARTING) {
    self->unvoiced++;
    if (3 * self->unvoiced > self->voiced) self->state = QUIET;
    return;
  }
  self->state = STOPPING;
  if (at + FRAME_SECONDS - self->last_voiced < self->stop_after - FRAME_SECONDS / 2) return;
  self->state = QUIET;
  double duration = self->last_voiced - self->started;
  tell(teller, self->last_voiced, &duration);
}

static void told(Listener *listener, double at, int voice) {
  Teller *teller = (Teller *)listener;
  Speech *self = teller->speech;
  if (voice && self->state == SPEAKING)
    self->last_voiced = at + FRAME_SECONDS;
  else if (voice)
    voiced_frame(self, at, teller);
  else if (self->state != QUIET)
    unvoiced_frame(self, at, teller);
}

/* What webrtcvad finds: 0 or 1, below 0 where a Python error is set. */
static int is_voiced(Speech *self, const int16_t *samples) {
  PyObject *octets = PyBytes_FromStringAndSize((const char *)samples, FRAME * sizeof *samples);
  if (!octets) return -1;
  PyObject *arguments[] = {self->detector, self->rate, octets, self->length};
  PyObject *answer = PyObject_Vectorcall(self->process, arguments, 4, NULL);
  Py_DECREF(octets);
  if (!answer) return -1;
  int voiced = PyObject_IsTrue(answer);
  Py_DECREF(answer);
  return voiced;
}

/* One frame. 0 where a Python error is set. */
static int hear(Speech *self, Heard *frame, Teller *teller) {
  int loud = frame->level >= self->min_level;
  if (loud && (frame->voiced = is_voiced(self, frame->samples)) < 0) return 0;
  if (!tones_reserve(&self->tones)) return PyErr_NoMemory(), 0;
  double known;
  if (frame->voiced && self->state == SPEAKING && tones_go_on(&self->tones, frame, &known)) {
    if (known != 0) self->last_voiced = known + FRAME_SECONDS;
    return 1;
  }
  int heard = self->state == SPEAKING, idle = tones_idle(&self->tones);
  if (idle && !frame->voiced) {
    if (self->state != QUIET) unvoiced_frame(self, frame->at, teller);
  } else if (idle && self->state == STARTING) { /* it was found to be a voice */
    voiced_frame(self, frame->at, teller);
  } else if (frame->voiced || (loud && !heard)) {
    tones_push(&self->tones, frame, heard, &teller->listener);
  } else {
    tones_stop(&self->tones, heard, &teller->listener);
    if (self->state != QUIET) unvoiced_frame(self, frame->at, teller);
  }
  return !teller->failed;
}

/* --- for Python --- */

/* The facts that were told, or what there is for none; NULL where one could not be told. */
static PyObject *facts_of(Teller *teller, int heard_all, PyObject *none) {
  if (heard_all) return teller->facts ? teller->facts : none ? Py_NewRef(none) : PyList_New(0);
  Py_XDECREF(teller->facts);
  return NULL;
}

static PyObject *speech_judge(Speech *self, PyObject *const *arguments, Py_ssize_t count) {
  if (count != 3) return PyErr_Format(PyExc_TypeError, "judge takes octets, a time and a level");
  Heard frame = {.at = PyFloat_AsDouble(arguments[1]), .level = PyFloat_AsDouble(arguments[2])};
  if (PyErr_Occurred()) return NULL;
  int16_t samples[FRAME];
  if (!PyBytes_Check(arguments[0]) || PyBytes_GET_SIZE(arguments[0]) != sizeof samples)
    return PyErr_Format(PyExc_ValueError, "a frame has %zu bytes", sizeof samples);
  memcpy(samples, PyBytes_AS_STRING(arguments[0]), sizeof samples); /* they may lie at an odd address */
  frame.samples = samples;
  Teller teller = {.listener = {told}, .speech = self};
  return facts_of(&teller, hear(self, &frame, &teller), Py_None);
}

/* All rows, whose arrays are of one length. 0 where a Python error is set. */
static int hear_rows(PyTypeObject *type, PyObject *speeches, const Py_buffer views[4], Teller *teller) {
  const Py_ssize_t *slots = views[0].buf;
  const int16_t(*samples)[FRAME] = views[1].buf;
  const double *times = views[2].buf;
  const float *levels = views[3].buf;
  for (Py_ssize_t row = 0, rows = views[0].shape[0]; row < rows; row++) {
    Py_ssize_t slot = slots[row];
    if (slot < 0 || slot >= PyList_GET_SIZE(speeches))
      return PyErr_Format(PyExc_ValueError, "there is no slot %zd", slot), 0;
    PyObject *one = PyList_GET_ITEM(speeches, slot);
    if (one == Py_None) continue;
    if (!PyObject_TypeCheck(one, type)) return PyErr_Format(PyExc_TypeError, "not a %s: %R", type->tp_name, one), 0;
    Heard frame = {samples[row], times[row], levels[row], 0};
    PyObject *number = PyLong_FromSsize_t(slot); /* its own facts' alone; the small ones are made already */
    if (!number) return 0;
    teller->speech = (Speech *)Py_NewRef(one);
    teller->slot = number;
    int done = hear(teller->speech, &frame, teller);
    Py_DECREF(number);
    Py_DECREF(one);
    if (!done) return 0;
  }
  return 1;
}

static PyObject *speech_hear_all(PyObject *type, PyObject *const *arguments, Py_ssize_t count) {
  static const Py_ssize_t sizes[] = {sizeof(Py_ssize_t), sizeof(int16_t), sizeof(double), sizeof(float)};
  static const int dims[] = {1, 2, 1, 1};
  if (count != 5 || !PyList_Check(arguments[0]))
    return PyErr_Format(PyExc_TypeError, "hear_all takes a list by slot, slots, frames, times and levels");
  Py_buffer views[4];
  int have = 0, alike = 1;
  while (have < 4 && borrow(arguments[have + 1], &views[have], sizes[have], dims[have], 0)) have++;
  if (have < 4) return give_back(views, have), NULL;
  for (int number = 1; number < 4; number++) alike &= views[number].shape[0] == views[0].shape[0];
  Teller teller = {.listener = {told}};
  int done = alike && views[1].shape[1] == FRAME;
  if (!done)
    PyErr_Format(PyExc_ValueError, "arrays of one length are wanted, and frames of %d samples", FRAME);
  else
    done = hear_rows((PyTypeObject *)type, arguments[0], views, &teller);
  give_back(views, 4);
  return facts_of(&teller, done, NULL);
}

static PyObject *speech_new(PyTypeObject *type, PyObject *positional, PyObject *named) {
  static char *names[] = {"process", "detector", "start_after", "stop_after", "min_level", "spoilt", NULL};
  PyObject *process, *detector;
  double start_after, stop_after, min_level;
  int spoilt;
  if (!PyArg_ParseTupleAndKeywords(positional, named, "OOdddi", names, &process, &detector, &start_after, &stop_after,
                                   &min_level, &spoilt))
    return NULL;
  if (spoilt < 0 || spoilt > 1000) return PyErr_Format(PyExc_ValueError, "%d frames are never spoilt", spoilt);
  Speech *self = (Speech *)type->tp_alloc(type, 0); /* all of it zero */
  if (!self) return NULL;
  self->process = Py_NewRef(process);
  self->detector = Py_NewRef(detector);
  self->rate = PyLong_FromLong(RATE);
  self->length = PyLong_FromLong(FRAME);
  self->start_after = start_after;
  self->stop_after = stop_after;
  self->min_level = min_level;
  self->tones.spoilt = spoilt;
  if (self->rate && self->length) return (PyObject *)self;
  Py_DECREF(self);
  return NULL;
}

static void speech_dealloc(Speech *self) {
  PyTypeObject *type = Py_TYPE(self);
  Py_XDECREF(self->process);
  Py_XDECREF(self->detector);
  Py_XDECREF(self->rate);
  Py_XDECREF(self->length);
  tones_free(&self->tones);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *speech_stage(Speech *self, void *closure) {
  (void)closure;
  return PyLong_FromLong(self->state);
}

static PyObject *speech_resting(Speech *self, void *closure) {
  (void)closure;
  return PyBool_FromLong(self->state == QUIET && tones_idle(&self->tones));
}

static PyMethodDef methods[] = {
    {"judge", (PyCFunction)(void (*)(void))speech_judge, METH_FASTCALL, "Judge 320 bytes: its facts, or None."},
    {"hear_all", (PyCFunction)(void (*)(void))speech_hear_all, METH_FASTCALL | METH_CLASS,
     "Judge frames of many calls, in order: (slot, at, duration or None) for each fact."},
    {NULL, NULL, 0, NULL}};

static PyMemberDef members[] = {
    {"start_after", T_DOUBLE, offsetof(Speech, start_after), 0, NULL},
    {"stop_after", T_DOUBLE, offsetof(Speech, stop_after), 0, NULL},
    {"min_level", T_DOUBLE, offsetof(Speech, min_level), 0, NULL},
    {"sure_until", T_DOUBLE, offsetof(Speech, last_voiced), READONLY, "See VoiceActivity.sure_until."},
    {NULL, 0, 0, 0, NULL}};

static PyGetSetDef getters[] = {{"stage", (getter)speech_stage, NULL, "The number of its state.", NULL},
                                {"resting", (getter)speech_resting, NULL, "See VoiceActivity.resting.", NULL},
                                {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot type_slots[] = {
    {Py_tp_new, speech_new},    {Py_tp_dealloc, speech_dealloc}, {Py_tp_methods, methods},
    {Py_tp_members, members},   {Py_tp_getset, getters},         {Py_tp_doc, "One call's speech: see vad.py."},
    {0, NULL}};

PyType_Spec speech_spec = {.name = "botkit.media._native.Speech",
                           .basicsize = sizeof(Speech),
                           .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                           .slots = type_slots};
