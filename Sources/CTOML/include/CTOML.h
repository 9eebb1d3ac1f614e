/* TOML 1.0 (toml++) as JSON, because Swift cannot call C++ without an option that every importing
   target would need. Without policy: members keep the order of the text, which toml++ alone does
   not, and which a list of hosts needs. */
#ifndef STAUNCH_CTOML_H
#define STAUNCH_CTOML_H

#include <stddef.h>

/* Reads `count` bytes of TOML. Returns 1 and sets `text` to JSON, or 0 and sets it to what is
   wrong, for people. `line` is then the line of the fault, counted from 1. The text has a final
   NUL, and the caller must free(3) it; it is NULL if memory ran out. */
#ifdef __cplusplus
extern "C"
#endif
int ctoml_to_json(const char *toml, size_t count, char **text, unsigned *line);

#endif
