/* One leg's packets on their way: the twin of srtp_path.py. libsrtp is pylibsrtp's, called by its addresses. */
#include "native.h"

#ifdef __linux__

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { CAPACITY = 2048, TRAILER_MAX = 16 + 4 + 128, ANCILLARY_MAX = 64, TIMESTAMPNS = 35 };

typedef int (*Srtp)(void *context, void *packet, int *size); /* srtp_protect, srtp_unprotect */

static Srtp protect, unprotect;

/* Where a packet is encrypted or decrypted: each call has its own, for while a list grows others may run. */
typedef struct {
  _Alignas(16) unsigned char bytes[CAPACITY];
} Packet;

static PyObject *use_srtp(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  if (count != 2) return PyErr_SetString(PyExc_TypeError, "two addresses"), NULL;
  Srtp one = (Srtp)PyLong_AsVoidPtr(args[0]), other = (Srtp)PyLong_AsVoidPtr(args[1]);
  if (PyErr_Occurred()) return NULL;
  protect = one, unprotect = other;
  return PyBool_FromLong(protect && unprotect);
}

/* When the kernel received a datagram, in wallclock seconds; 0 where it does not tell. */
static double wallclock_of(struct msghdr *message) {
  for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one)) {
    struct timespec at;
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != TIMESTAMPNS || one->cmsg_len < CMSG_LEN(sizeof at)) continue;
    memcpy(&at, CMSG_DATA(one), sizeof at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
  }
  return 0;
}

/* An address as Python's socket tells it. */
static PyObject *address_of(const struct sockaddr_storage *from, socklen_t size) {
  char host[INET6_ADDRSTRLEN];
  const struct sockaddr_in *four = (const void *)from;
  const struct sockaddr_in6 *six = (const void *)from;
  if (size >= sizeof *four && from->ss_family == AF_INET && inet_ntop(AF_INET, &four->sin_addr, host, sizeof host))
    return Py_BuildValue("si", host, (int)ntohs(four->sin_port));
  if (size >= sizeof *six && from->ss_family == AF_INET6 && inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host))
    return Py_BuildValue("siII", host, (int)ntohs(six->sin6_port), (unsigned)ntohl(six->sin6_flowinfo),
                         (unsigned)six->sin6_scope_id);
  Py_RETURN_NONE;
}

/* Append a tuple to a list; takes over the reference. 0: an error is set. */
static int appended(PyObject *list, PyObject *item) {
  if (!item) return 0;
  int failed = PyList_Append(list, item);
  Py_DECREF(item);
  return !failed;
}

static int is_rtp(const unsigned char *packet) {
  return packet[0] > 127 && packet[0] < 192 && !(packet[1] >= 192 && packet[1] <= 223);
}

/* (fd, context, now, to_monotonic, fresh, most, got, others): how many could not be read or decrypted. */
static PyObject *rtp_receive(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  if (count != 8 || !PyList_Check(args[6]) || !PyList_Check(args[7]))
    return PyErr_SetString(PyExc_TypeError, "a socket, a context, three times, a number and two lists"), NULL;
  int fd = (int)PyLong_AsLong(args[0]);
  void *context = PyLong_AsVoidPtr(args[1]);
  double now = PyFloat_AsDouble(args[2]), to_monotonic = PyFloat_AsDouble(args[3]), fresh = PyFloat_AsDouble(args[4]);
  long most = PyLong_AsLong(args[5]), errors = 0;
  if (PyErr_Occurred()) return NULL;
  if (!context || !unprotect) return PyErr_SetString(PyExc_ValueError, "no libsrtp, or no context of it"), NULL;
  Packet packet;
  while (most-- > 0) {
    struct sockaddr_storage from;
    union {
      struct cmsghdr aligned;
      char bytes[ANCILLARY_MAX];
    } ancillary;
    struct iovec into = {packet.bytes, sizeof packet.bytes};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &into, .msg_iovlen = 1,
                             .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
    ssize_t got = recvmsg(fd, &message, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    errors += got < 0; /* connection refused: the other end has closed its socket */
    if (got < 2) continue;
    double wall = isfinite(to_monotonic) ? wallclock_of(&message) : 0, at = wall > 0 ? wall + to_monotonic : now;
    int size = (int)got;
    if (!is_rtp(packet.bytes)) {
      PyObject *address = address_of(&from, message.msg_namelen);
      if (!address) return NULL;
      if (!appended(args[7], Py_BuildValue("y#dN", (char *)packet.bytes, (Py_ssize_t)got, at, address))) return NULL;
    } else if (unprotect(context, packet.bytes, &size)) {
      errors++;
    } else {
      if (!appended(args[6], Py_BuildValue("y#d", (char *)packet.bytes, (Py_ssize_t)size, at))) return NULL;
      if (now - at < fresh) break;
    }
  }
  return PyLong_FromLong(errors);
}

/* (fd, context, packet, sockaddr or None): whether it went out. */
static PyObject *rtp_send(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  if (count != 4 || !PyBytes_Check(args[2]) || (args[3] != Py_None && !PyBytes_Check(args[3])))
    return PyErr_SetString(PyExc_TypeError, "a socket, a context, a packet, and an address or None"), NULL;
  int fd = (int)PyLong_AsLong(args[0]);
  void *context = PyLong_AsVoidPtr(args[1]);
  if (PyErr_Occurred()) return NULL;
  if (!context || !protect) return PyErr_SetString(PyExc_ValueError, "no libsrtp, or no context of it"), NULL;
  Py_ssize_t length = PyBytes_GET_SIZE(args[2]);
  if (length > CAPACITY - TRAILER_MAX) Py_RETURN_FALSE;
  int size = (int)length;
  Packet packet;
  memcpy(packet.bytes, PyBytes_AS_STRING(args[2]), (size_t)length);
  if (protect(context, packet.bytes, &size)) Py_RETURN_FALSE;
  const struct sockaddr *to = args[3] == Py_None ? NULL : (const void *)PyBytes_AS_STRING(args[3]);
  socklen_t to_size = to ? (socklen_t)PyBytes_GET_SIZE(args[3]) : 0;
  return PyBool_FromLong(sendto(fd, packet.bytes, (size_t)size, 0, to, to_size) >= 0);
}

PyMethodDef srtp_path_functions[] = {
    {"use_srtp", (PyCFunction)(void (*)(void))use_srtp, METH_FASTCALL, NULL},
    {"rtp_receive", (PyCFunction)(void (*)(void))rtp_receive, METH_FASTCALL, NULL},
    {"rtp_send", (PyCFunction)(void (*)(void))rtp_send, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL}};

#else

PyMethodDef srtp_path_functions[] = {{NULL, NULL, 0, NULL}};

#endif
