// The program of scripts/fuzz: libFuzzer on the target that STAUNCH_FUZZ_TARGET names. The name is
// no argument because libFuzzer restarts itself with only the arguments that it knows. Each target
// takes any bytes, and ends the process if an invariant does not hold.

import Glibc

enum Fuzz {
    static let targets: [(name: String, run: @Sendable ([UInt8]) -> Void)] = [
        ("json", fuzzJSON), ("request", fuzzRequest), ("shim-request", fuzzShimRequest),
        ("shim-message", fuzzShimMessage), ("exit-file", fuzzExitFile),
        ("netlink", fuzzNetlink),
        ("cni-configuration", fuzzConfiguration), ("cni-result", fuzzAddResult),
        ("iptables-save", fuzzIPTablesSave),
        ("part-document", fuzzPartDocument),
        ("stream-frames", fuzzStreamFrames), ("response-head", fuzzResponseHead),
        ("image-reference", fuzzReference), ("image-document", fuzzImageDocument),
        ("response-fields", fuzzResponseFields), ("registry-settings", fuzzRegistrySettings),
        ("layer", fuzzLayer), ("layer-bytes", fuzzLayerBytes),
    ]

    static let chosen: @Sendable ([UInt8]) -> Void = {
        guard let target = targets.first(where: { $0.name == name }) else {
            fatalError("STAUNCH_FUZZ_TARGET is none of \(targets.map(\.name))")
        }
        return target.run
    }()

    private static var name: String {
        // SAFETY: nothing changes the environment here, and the text is copied.
        guard let text = unsafe getenv("STAUNCH_FUZZ_TARGET") else { return "" }
        return unsafe String(cString: text)
    }
}

/// libFuzzer's main calls this function once for each input.
@_cdecl("LLVMFuzzerTestOneInput")
func runOne(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // SAFETY: libFuzzer owns the bytes and keeps them for the call; they are copied.
    Fuzz.chosen(unsafe [UInt8](UnsafeBufferPointer(start: data, count: size)))
    return 0
}

/// Ends the process if a law of the target is broken.
func must(_ holds: Bool, _ law: @autoclosure () -> String) {
    if !holds { fatalError(law()) }
}
