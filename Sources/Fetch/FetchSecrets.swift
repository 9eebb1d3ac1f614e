// The credentials of the request, from standard input.

import Bytes
import Glibc
import JSON
import Kernel
import Linux

/// Overwrites the bytes; the compiler may not leave that out (explicit_bzero(3)).
private func clear(_ buffer: inout [UInt8]) {
    unsafe buffer.withUnsafeMutableBytes { raw in
        guard let base = raw.baseAddress else { return }
        // SAFETY: the bytes are the array's.
        unsafe explicit_bzero(base, raw.count)
    }
}

enum FetchSecrets {
    /// More than credentials need.
    static let byteLimit = 64 << 10

    /// Reads the descriptor to its end. `nil` if it is empty; throws a sentence without any part of
    /// the content if it is not understood. The buffer is cleared, but the texts that were made of
    /// it live as long as the process (Swift's strings cannot be cleared).
    static func read(_ descriptor: borrowing OwnedDescriptor) throws(SettingsFault) -> Credentials?
    {
        var buffer = [UInt8](repeating: 0, count: byteLimit + 1)
        defer { clear(&buffer) }
        var count = 0
        do throws(SystemCallFailure) {
            while count < buffer.count,
                let more = try descriptor.read(into: &buffer, from: count, limit: buffer.count),
                more > 0
            { count += more }
        } catch { throw SettingsFault("standard input cannot be read: \(error)") }
        guard count <= byteLimit else { throw SettingsFault("standard input is too long") }
        guard count > 0 else { return nil }
        return try parse(Array(buffer[..<count]))
    }

    static func parse(_ bytes: [UInt8]) throws(SettingsFault) -> Credentials? {
        let value: JSONValue
        do { value = try JSONValue.parse(bytes) } catch {
            throw SettingsFault("standard input is not JSON: \(error.kind.rawValue)")
        }
        guard let members = value.members, members.allSatisfy({ $0.name.isSame(as: "credentials") })
        else { throw SettingsFault("standard input has more than 'credentials'") }
        guard let found = value["credentials"], found != .null else { return nil }
        guard let credentials = Credentials(request: found) else {
            throw SettingsFault("the credentials have no known form")
        }
        return credentials
    }
}
