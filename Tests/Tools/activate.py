"""Becomes a program as a service manager starts it, with `LISTEN_FDS`, related variables, and
descriptors.

activate.py [VARIABLE=VALUE ...] [PID:DESCRIPTOR ...] -- PROGRAM [ARGUMENT ...]

Each descriptor is copied from the process PID, which keeps it, and gets the number 3, 4 and so on.
In a value, `self` is this process's own pid, which is also the program's.
"""

import ctypes
import os
import sys

PIDFD_GETFD = 438


def taken(pid, number):
    """pidfd_getfd(2). Neither the C library nor Python wraps it."""
    got = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, os.pidfd_open(pid), number, 0)
    if got < 0:
        raise OSError(ctypes.get_errno(), f"pidfd_getfd {pid} {number}")
    return got


end = sys.argv.index("--")
numbers = []
for word in sys.argv[1:end]:
    if "=" in word:
        name, value = word.split("=", 1)
        os.environ[name] = str(os.getpid()) if value == "self" else value
    else:
        pid, number = word.split(":")
        numbers.append(taken(int(pid), int(number)))
# Moves the descriptors out of the way first, so that no dup2 overwrites a descriptor that is not
# moved yet.
moved = [os.dup(os.dup2(number, 100 + index)) for index, number in enumerate(numbers)]
for index, number in enumerate(moved):
    os.dup2(number, 3 + index)
os.execv(sys.argv[end + 1], sys.argv[end + 1 :])
