#pragma once
#include <errno.h>
#include <unistd.h>

/* Closes the descriptor; returns -1 with the errno of the earlier failure. */
static inline int close_keeping_errno(int descriptor) {
    int saved = errno;
    close(descriptor);
    errno = saved;
    return -1;
}
