// The built-in OpenAPI document (openapi/staunch.json). Only this file of the target reads memory
// by address.

import COpenAPI
import HTTP

enum OpenAPIDocument {
    // SAFETY: a constant array of the program's image, of that size; never written or freed.
    static let bytes = unsafe PermanentBytes(
        UnsafeRawBufferPointer(start: staunch_openapi_start(), count: staunch_openapi_size))
}
