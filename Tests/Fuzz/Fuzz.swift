// What scripts/fuzz runs: libFuzzer, on the target that STAUNCH_FUZZ_TARGET names. (Not an
// argument: libFuzzer starts itself again with those that it knows.) Each target takes any bytes,
// and ends the process where something that must hold does not.

import Glibc

enum Fuzz {
    static let targets: [(name: String, run: @Sendable ([UInt8]) -> Void)] = [
        ("json", fuzzJSON), ("request", fuzzRequest), ("shim-request", fuzzShimRequest),
        ("shim-message", fuzzShimMessage), ("exit-file", fuzzExitFile),
    ]

    static let chosen: @Sendable ([UInt8]) -> Void = {
        guard let target = targets.first(where: { $0.name == name }) else {
            fatalError("STAUNCH_FUZZ_TARGET is none of \(targets.map(\.name))")
        }
        return target.run
    }()

    private static var name: String {
        // SAFETY: nobody changes the environment here, and the text is copied.
        guard let text = unsafe getenv("STAUNCH_FUZZ_TARGET") else { return "" }
        return unsafe String(cString: text)
    }
}

/// libFuzzer's main calls it, once for each input.
@_cdecl("LLVMFuzzerTestOneInput")
func runOne(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // SAFETY: the bytes are libFuzzer's for as long as the call; they are copied.
    Fuzz.chosen(unsafe [UInt8](UnsafeBufferPointer(start: data, count: size)))
    return 0
}

/// Ends the process where a law of the target is broken.
func must(_ holds: Bool, _ law: @autoclosure () -> String) {
    if !holds { fatalError(law()) }
}
