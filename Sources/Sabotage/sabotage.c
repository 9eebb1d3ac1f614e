#include "Sabotage.h"
#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
static int cached = -1;
int sabotage(void) {
  if (cached >= 0) return cached;
  const char *text = getenv("STAUNCH_SABOTAGE");
  char buffer[16] = {0};
  if (!text) {
    int file = open("/tmp/h-proof/sabotage", O_RDONLY | O_CLOEXEC);
    if (file >= 0) { if (read(file, buffer, 15) < 0) {} close(file); text = buffer; }
  }
  return cached = text ? atoi(text) : 0;
}
