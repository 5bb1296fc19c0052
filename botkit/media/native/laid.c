/* One prompt laid over what was heard: the twin of alignment.py. */
#include "native.h"

PyMethodDef laid_functions[] = {{NULL, NULL, 0, NULL}};
