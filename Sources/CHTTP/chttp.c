#define _GNU_SOURCE
#include "CHTTP.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

struct chttp_daemon {
  struct MHD_Daemon *mhd;
  struct chttp_callbacks calls;
};

static void *slot_of(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code) {
  struct chttp_daemon *daemon = cls;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *slot = daemon->calls.opened(daemon->calls.context, connection, info ? info->connect_fd : -1);
  } else if (*slot) {
    daemon->calls.closed(*slot);
    *slot = NULL;
  }
}

static void *on_target(void *cls, const char *target, struct MHD_Connection *connection) {
  struct chttp_daemon *daemon = cls;
  void *slot = slot_of(connection);
  if (slot) daemon->calls.began(slot, target);
  return slot;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *size, void **slot) {
  (void)connection;
  struct chttp_daemon *daemon = cls;
  if (!*slot) return MHD_NO;
  size_t count = *size;
  *size = 0;
  int is_old = strcmp(version, MHD_HTTP_VERSION_1_1) != 0;
  /* Both point into one buffer, with one space between them, unless the line has no version. */
  int has_version = strncmp(version, "HTTP/", 5) == 0 && version > url;
  size_t target_size = has_version ? (size_t)(version - url) - 1 : 0;
  return daemon->calls.access(*slot, method, is_old, target_size, bytes, count) ? MHD_YES : MHD_NO;
}

static void on_end(void *cls, struct MHD_Connection *connection, void **slot,
                   enum MHD_RequestTerminationCode code) {
  (void)connection, (void)code;
  struct chttp_daemon *daemon = cls;
  if (*slot) daemon->calls.ended(*slot);
  *slot = NULL;
}

/* Swift decodes the target strictly; libmicrohttpd's decoding is not used. */
static size_t leave_escaped(void *cls, struct MHD_Connection *connection, char *text) {
  (void)cls, (void)connection;
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

static void on_log(void *cls, const char *format, va_list arguments) {
  struct chttp_daemon *daemon = cls;
  char line[512];
  vsnprintf(line, sizeof line, format, arguments);
  daemon->calls.log(daemon->calls.context, line);
}

struct chttp_daemon *chttp_start(const struct chttp_settings *settings,
                                 const struct chttp_callbacks *calls) {
  struct chttp_daemon *daemon = malloc(sizeof *daemon);
  if (!daemon) return NULL;
  daemon->calls = *calls;
  daemon->mhd = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE |
          MHD_USE_ERROR_LOG,
      0, NULL, NULL, on_access, daemon, MHD_OPTION_EXTERNAL_LOGGER, on_log, daemon,
      MHD_OPTION_LISTEN_SOCKET, settings->listener,
      MHD_OPTION_CONNECTION_LIMIT, settings->connections,
      MHD_OPTION_CONNECTION_TIMEOUT, settings->idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      settings->memory, MHD_OPTION_NOTIFY_CONNECTION, on_connection, daemon,
      MHD_OPTION_URI_LOG_CALLBACK, on_target, daemon, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped,
      NULL, MHD_OPTION_NOTIFY_COMPLETED, on_end, daemon, MHD_OPTION_END);
  if (daemon->mhd) return daemon;
  free(daemon);
  return NULL;
}

int chttp_quiesce(struct chttp_daemon *daemon) { return MHD_quiesce_daemon(daemon->mhd); }

void chttp_stop(struct chttp_daemon *daemon) {
  MHD_stop_daemon(daemon->mhd);
  free(daemon);
}

struct each { chttp_header call; void *context; };

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 size_t name_size, const char *value, size_t value_size) {
  (void)kind;
  struct each *each = cls;
  each->call(each->context, name, name_size, value, value ? value_size : 0);
  return MHD_YES;
}

void chttp_each_header(struct MHD_Connection *connection, chttp_header call, void *context) {
  struct each each = {call, context};
  MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &each);
}

void chttp_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void chttp_hang_up(int descriptor) { shutdown(descriptor, SHUT_RDWR); }

size_t chttp_descriptor_limit(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

void chttp_end_upgrade(struct MHD_UpgradeResponseHandle *handle) {
  MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}
