// What libarchive needs of iconv(3): it converts the names of pax headers to the locale's character
// set, although we take the names as they are.

import Glibc

package enum Charset {
    /// Loads the converter. At its first use iconv(3) reads a list of modules below `/usr/lib`, and
    /// could load one. In a confined process `/usr/lib` is the layer's, so the first use must come
    /// before.
    package static func load() {
        // SAFETY: the C strings live for the call. The converter is never closed.
        let converter = unsafe iconv_open("ANSI_X3.4-1968", "UTF-8")
        precondition(unsafe converter != iconv_t(bitPattern: -1), "no converter of UTF-8")
    }
}
