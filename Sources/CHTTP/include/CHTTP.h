/* What Swift cannot say to libmicrohttpd: variadic functions, a va_list logger. Plain wrappers, no
   policy. */
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
     then one with size 0, and one more after each resume. `is_old`: not HTTP/1.1.
     `target_size`: bytes of the target as it was sent, of which `began` may have seen fewer; 0 if
     that is unknown. Returns 0 to cut the connection. */
  int (*access)(void *slot, const char *method, int is_old, size_t target_size, const char *bytes,
                size_t size);
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

/* MHD_upgrade_action is variadic: closes libmicrohttpd's descriptor of an upgraded connection. */
void chttp_end_upgrade(struct MHD_UpgradeResponseHandle *);

/* Names the calling thread; at most 15 bytes. */
void chttp_name_thread(const char *name);

/* shutdown(2) in both directions. SHUT_RDWR is a nameless enum's: which module shows it to Swift
   depends on which was compiled first. */
void chttp_hang_up(int descriptor);

/* RLIMIT_NOFILE's resource is a nameless enum's, too. */
size_t chttp_descriptor_limit(void);
