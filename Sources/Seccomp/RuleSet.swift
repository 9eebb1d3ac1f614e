// libseccomp's calls (seccomp_init(3), seccomp_rule_add(3), seccomp_export_bpf(3)).

import Bytes
import CSeccomp
import Glibc
import JSON
import Kernel
import Linux

/// The rules of one filter.
@safe struct RuleSet: ~Copyable {
    /// A condition on an argument of a system call.
    struct Condition {
        let index: UInt32
        let comparison: UInt32
        let value: UInt64
        let valueTwo: UInt64
    }

    private let context: UnsafeMutableRawPointer

    init(_ standard: UInt32) throws(FilterRefusal) {
        // SAFETY: this structure alone has the context, and frees it.
        guard let made = unsafe seccomp_init(standard) else {
            throw FilterRefusal("no filter with this default action")
        }
        unsafe context = made
    }

    deinit { unsafe seccomp_release(context) }

    /// Adds an ABI by the runtime-spec's name: `SCMP_ARCH_X86_64`.
    func add(architecture name: String) throws(FilterRefusal) {
        // SAFETY: the C string lives for the call.
        let token = unsafe seccomp_arch_resolve_name(name.after("SCMP_ARCH_")?.lowered ?? "")
        guard token != 0 else { throw FilterRefusal("architecture \(name)") }
        // SAFETY: the context lives as long as `self`.
        let failure = unsafe seccomp_arch_add(context, token)
        // The machine's own ABI is there from the beginning.
        guard failure == 0 || failure == -EEXIST else { throw refusal(failure, name) }
    }

    /// Adds a rule for each of the alternatives. A name that libseccomp does not know is passed
    /// over, as runc and crun do: a profile is for all kernels.
    func add(
        _ action: UInt32, _ name: String, _ alternatives: [[Condition]]
    ) throws(FilterRefusal) {
        // SAFETY: the C string lives for the call.
        let number = unsafe seccomp_syscall_resolve_name(name)
        guard number != __NR_SCMP_ERROR else { return }
        for conditions in alternatives {
            let compared = conditions.map {
                scmp_arg_cmp(
                    arg: $0.index, op: scmp_compare(rawValue: $0.comparison), datum_a: $0.value,
                    datum_b: $0.valueTwo)
            }
            // SAFETY: the array lives for the call; the context lives as long as `self`.
            let failure = unsafe seccomp_rule_add_array(
                context, action, number, UInt32(compared.count), compared)
            guard failure == 0 else { throw refusal(failure, name) }
        }
    }

    /// Puts the filter into force for the calling thread, for ever. It also forbids new privileges
    /// (seccomp_load(3)).
    func install() throws(FilterRefusal) {
        // SAFETY: the context lives as long as `self`.
        let failure = unsafe seccomp_load(context)
        guard failure == 0 else { throw refusal(failure, "seccomp_load") }
    }

    func program() throws(FilterRefusal) -> [UInt8] {
        let (failure, bytes): (CInt, [UInt8])
        do throws(SystemCallFailure) { (failure, bytes) = try exported() } catch {
            throw FilterRefusal("\(error)")
        }
        guard failure == 0 else { throw refusal(failure, "the program") }
        guard FilterProgram.isPlausible(bytes) else { throw FilterRefusal("\(bytes.count) bytes") }
        return bytes
    }

    /// Returns libseccomp's result, and the program.
    private func exported() throws(SystemCallFailure) -> (failure: CInt, [UInt8]) {
        let pipe = try Pipe()
        // The longest program fits into a pipe of root's, so the call does not wait for a reader.
        // SAFETY: the context lives as long as `self`.
        let failure = unsafe seccomp_export_bpf(context, pipe.writing.number)
        return (failure, try pipe.intoReading().readAll(limit: FilterProgram.limit + 1))
    }

    private func refusal(_ failure: CInt, _ subject: String) -> FilterRefusal {
        FilterRefusal(
            "\(SystemCallFailure(call: "libseccomp", subject: subject, errno: -failure))")
    }
}

extension RuleSet.Condition {
    init(_ node: JSONValue) throws(FilterRefusal) {
        func natural(_ name: String) -> UInt64? {
            node[name]?.integer.flatMap(UInt64.init(exactly:))
        }
        guard let index = natural("index"), index < 6, let value = natural("value"),
            let comparison = comparisons[node["op"]?.string ?? ""]
        else { throw FilterRefusal("a condition: \(String(decoding: node.bytes, as: UTF8.self))") }
        self.init(
            index: UInt32(index), comparison: comparison, value: value,
            valueTwo: natural("valueTwo") ?? 0)
    }
}

/// `enum scmp_compare` of seccomp.h.
private let comparisons: [String: UInt32] = [
    "SCMP_CMP_NE": 1, "SCMP_CMP_LT": 2, "SCMP_CMP_LE": 3, "SCMP_CMP_EQ": 4, "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6, "SCMP_CMP_MASKED_EQ": 7,
]
