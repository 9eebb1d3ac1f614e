/* Embeds the OpenAPI document, so that the daemon serves exactly the file that the tests check.
   C, because Swift has no `#embed` (C23) and a SwiftPM resource would bring Foundation's Bundle. */
#include "COpenAPI.h"

const unsigned char staunch_openapi[] = {
#embed "../../openapi/staunch.json"
};
const size_t staunch_openapi_size = sizeof staunch_openapi;

const void *staunch_openapi_start(void) { return staunch_openapi; }
