/* botkit.media._native: the arithmetic of hearing that numpy is too slow for, on a few numbers of one call at a time.
   Each function here has a twin in Python, which is used where this could not be built (botkit/media/native.py);
   tests/media/test_native_*.py hold the two against each other. */
#include "native.h"

int borrow(PyObject *array, Py_buffer *view, Py_ssize_t size, int dims, int writable) {
  if (PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0)) < 0) return 0;
  if (view->itemsize == size && (!dims || view->ndim == dims)) return 1;
  PyErr_Format(PyExc_ValueError, "an array of %zd bytes an item in %d dimensions, not %zd in %d", view->itemsize,
               view->ndim, size, dims);
  PyBuffer_Release(view);
  return 0;
}

void give_back(Py_buffer *views, int count) {
  while (count--) PyBuffer_Release(&views[count]);
}

enum { REVISION = 1 }; /* as in native.py: one more with each change of what Python sees of this module */

static int add_type(PyObject *module, PyType_Spec *spec) {
  PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
  int added = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
  Py_XDECREF(type);
  return added;
}

static int exec(PyObject *module) {
  PyMethodDef *parts[] = {
      laid_functions,  judged_functions, srtp_path_functions, spectrum_functions,  frames_functions,
      bands_functions, digits_functions, prompts_functions,   catalogue_functions, resample_functions,
  };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (PyModule_AddFunctions(module, parts[i]) < 0) return -1;
  if (PyModule_AddIntMacro(module, REVISION) < 0) return -1;
  spectrum_prepare();
  return add_type(module, &speech_spec);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, exec}, {0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "botkit.media._native", .m_slots = slots};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&definition); }
