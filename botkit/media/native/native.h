/* What the parts of botkit.media._native share: borrowing arrays, and the module's tables. */
#ifndef BOTKIT_NATIVE_H
#define BOTKIT_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum { BANDS = 16, FRAME = 160 };

/* Borrow the memory of an array: in C order, `size` bytes an item, `dims` dimensions (0: any). 0 where it is not such a
   one; a Python error is set then. Give it back with PyBuffer_Release. */
int borrow(PyObject *array, Py_buffer *view, Py_ssize_t size, int dims, int writable);

/* Give back the first `count` of some borrowed arrays. */
void give_back(Py_buffer *views, int count);

/* Functions of each part; the last one is all zero. */
extern PyMethodDef laid_functions[];
extern PyMethodDef judged_functions[];
extern PyMethodDef srtp_path_functions[];
extern PyMethodDef spectrum_functions[];
extern PyMethodDef frames_functions[];
extern PyMethodDef bands_functions[];
extern PyMethodDef digits_functions[];
extern PyMethodDef prompts_functions[];
extern PyMethodDef catalogue_functions[];
extern PyMethodDef resample_functions[];

/* The class `Speech` (speech.c), and the tables that it needs (spectrum.c). */
extern PyType_Spec speech_spec;
void spectrum_prepare(void);

#endif
