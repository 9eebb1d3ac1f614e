#pragma once
#include <errno.h>
#include <unistd.h>

/* -1, with the errno of what failed before. */
static inline int close_keeping_errno(int descriptor) {
    int saved = errno;
    close(descriptor);
    errno = saved;
    return -1;
}
