/* What Swift cannot say to libmicrohttpd (variadic functions, a va_list logger) and what
   Glibc's module lacks (epoll, eventfd, struct ucred). Plain wrappers, no policy. */
#pragma once
#include <microhttpd.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All but `opened` and `log` are called on the daemon's own thread with the `slot` that `opened`
   returned for the connection; `log` may also be called while it starts. */
struct chttp_callbacks {
  void *context;
  void *(*opened)(void *context, struct MHD_Connection *connection, int descriptor);
  void (*closed)(void *slot);
  /* The request line has been read; `target` is raw, NUL-terminated, and dies with the call. */
  void (*began)(void *slot, const char *target);
  /* First call of a request: its headers are here. Then one for each piece of body (size > 0),
     then one with size 0, and one more after each resume. `is_old`: not HTTP/1.1. Returns 0 to cut
     the connection. */
  int (*access)(void *slot, const char *method, int is_old, const char *bytes, size_t size);
  /* The request is over, whichever way. */
  void (*ended)(void *slot);
  void (*log)(void *context, const char *line);
};

struct chttp_settings {
  int listener;
  unsigned connections;
  unsigned idle_seconds;
  size_t memory;
};

struct chttp_daemon;
/* Starts the daemon's thread; NULL where that fails: then the listener is still the caller's. */
struct chttp_daemon *chttp_start(const struct chttp_settings *, const struct chttp_callbacks *);
/* Stops accepting; the listening descriptor is the caller's again (-1 if that failed). */
int chttp_quiesce(struct chttp_daemon *);
/* Ends the thread and every connection, and frees the daemon. */
void chttp_stop(struct chttp_daemon *);

typedef void (*chttp_header)(void *context, const char *name, size_t name_size, const char *value,
                             size_t value_size);
void chttp_each_header(struct MHD_Connection *, chttp_header, void *context);

/* SO_PEERCRED. 0, or -1 where the socket has none (pid 0). */
int chttp_peer(int descriptor, pid_t *pid, uid_t *uid, gid_t *gid);

/* `why` is filled with EPOLL… bits, told apart by the two functions below. */
struct chttp_event { uint64_t token; uint32_t why; };
int chttp_epoll(void);
int chttp_watch_hangup(int epoll, int descriptor, uint64_t token);
int chttp_watch_readable(int epoll, int descriptor, uint64_t token);
int chttp_unwatch(int epoll, int descriptor);
int chttp_wait(int epoll, struct chttp_event *events, int room, int milliseconds);
/* True where the peer is gone for both directions, not only done with sending. */
int chttp_is_gone(uint32_t why);
int chttp_eventfd(void);
/* Names the calling thread; at most 15 bytes. */
void chttp_name_thread(const char *name);

/* shutdown(2) in both directions. SHUT_RDWR is a nameless enum's: which module shows it to Swift
   depends on which was compiled first. */
void chttp_hang_up(int descriptor);

/* RLIMIT_NOFILE's resource is a nameless enum's, too. */
size_t chttp_descriptor_limit(void);
