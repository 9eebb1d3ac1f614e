#ifndef STAUNCH_COPENAPI_H
#define STAUNCH_COPENAPI_H
#include <stddef.h>

/* openapi/staunch.json as it was when this was compiled; not NUL-terminated. */
extern const unsigned char staunch_openapi[];
extern const size_t staunch_openapi_size;

/* Its first byte: Swift imports no array without a length. */
const void *staunch_openapi_start(void);
#endif
