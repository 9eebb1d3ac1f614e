// The OpenAPI document that is built in (openapi/staunch.json): the one place of this target that
// touches memory by address.

import COpenAPI
import HTTP

enum OpenAPIDocument {
    // SAFETY: a constant array of the program's image, of that size; nobody writes or frees it.
    static let bytes = unsafe PermanentBytes(
        UnsafeRawBufferPointer(start: staunch_openapi_start(), count: staunch_openapi_size))
}
