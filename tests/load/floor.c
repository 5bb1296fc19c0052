/* The floor: what libsrtp (AES-GCM) and plain sockets cost, and nothing else.
   LEGS legs in a ring of pairs, each sending and receiving one 172-byte RTP packet per 20 ms beat on loopback,
   kernel arrival times on. Prints one JSON object.
   cc -O2 floor.c -lsrtp2 -o floor && ./floor LEGS SECONDS */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  int legs = argc > 1 ? atoi(argv[1]) : 200, beats = (int)((argc > 2 ? atof(argv[2]) : 5) * 50);
  int got = 0, late = 0, lost = 0, on = 1;
  int *fd = calloc(legs, sizeof *fd);
  struct sockaddr_in *at = calloc(legs, sizeof *at);
  srtp_t *tx = calloc(legs, sizeof *tx), *rx = calloc(legs, sizeof *rx);
  unsigned char key[64], buf[2048], anc[64];
  srtp_init();
  for (int i = 0; i < 64; i++) key[i] = i;
  double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < legs; i++) {
    socklen_t size = sizeof at[i];
    fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    at[i].sin_family = AF_INET;
    at[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd[i], (void *)&at[i], size)) return perror("bind"), 1;
    getsockname(fd[i], (void *)&at[i], &size);
    setsockopt(fd[i], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    srtp_policy_t policy;
    memset(&policy, 0, sizeof policy);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    policy.key = key;
    policy.window_size = 1024;
    policy.ssrc.type = ssrc_any_outbound;
    if (srtp_create(&tx[i], &policy)) return fprintf(stderr, "libsrtp has no AES-GCM\n"), 1;
    policy.ssrc.type = ssrc_any_inbound;
    srtp_create(&rx[i], &policy);
  }
  double setup = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  double start = now(CLOCK_MONOTONIC);
  for (int t = 0; t < beats; t++) {
    double due = start + (t + 1) * 0.02, wait = due - now(CLOCK_MONOTONIC);
    if (wait > 0) {
      struct timespec s = {0, (long)(wait * 1e9)};
      nanosleep(&s, 0);
    }
    double over = now(CLOCK_MONOTONIC) - due;
    late += over > 0.005;
    lost += over > 0.020;
    for (int i = 0; i < legs; i++) {
      for (;;) {
        struct sockaddr_in from;
        struct iovec v = {buf, sizeof buf};
        struct msghdr m = {&from, sizeof from, &v, 1, anc, sizeof anc, 0};
        int size = recvmsg(fd[i], &m, 0);
        if (size < 0) break;
        if (srtp_unprotect(rx[i], buf, &size) == 0) got++;
      }
      int size = 172;
      unsigned stamp = htonl(t * 160), ssrc = htonl(77 + i);
      memset(buf, 0, size);
      buf[0] = 0x80;
      buf[2] = (t + 1) >> 8;
      buf[3] = t + 1;
      memcpy(buf + 4, &stamp, 4);
      memcpy(buf + 8, &ssrc, 4);
      srtp_protect(tx[i], buf, &size);
      sendto(fd[i], buf, size, 0, (void *)&at[i ^ 1], sizeof at[0]);
    }
  }
  double wall = now(CLOCK_MONOTONIC) - start;
  cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  printf("{\"ms_per_leg_s\": %.4f, \"late\": %d, \"lost\": %d, \"setup_ms\": %.4f, \"received\": %.4f}\n",
         cpu / wall / legs * 1e3, late, lost, setup / legs * 1e3, got / ((double)legs * (beats - 1)));
}
