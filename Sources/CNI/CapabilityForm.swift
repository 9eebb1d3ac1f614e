// The forms of the well-known capability arguments (CONVENTIONS.md, "Well-known Capabilities").

import Bytes
import JSON
import Kernel

/// A capability whose values are checked. Any other name is passed on with any value.
enum CapabilityForm: String, CaseIterable {
    case portMappings, bandwidth, dns, ips, mac, ipRanges, cgroupPath, deviceID, aliases

    /// The first place at which `value` does not have the form.
    func fault(in value: JSONValue) -> (pointer: JSONPointer, detail: String)? {
        var check = FormCheck()
        switch self {
        case .portMappings: check.each(value, .root) { $0.port($1, $2) }
        case .bandwidth: check.members(value, .root, bandwidthNames) { $0.amount($1, $2) }
        case .dns:
            check.members(value, .root, ["servers", "searches", "options"]) { $0.texts($1, $2) }
        case .ips: check.each(value, .root) { $0.text($1, $2, "an address", isAddress) }
        case .mac: check.text(value, .root, "a MAC address") { MACAddress($0) != nil }
        case .ipRanges:
            check.each(value, .root) { $0.each($1, $2) { $0.range($1, $2) } }
        case .cgroupPath, .deviceID: check.text(value, .root, "a text") { !$0.isEmpty }
        case .aliases: check.texts(value, .root)
        }
        return check.fault
    }
}

private let bandwidthNames = ["ingressRate", "ingressBurst", "egressRate", "egressBurst"]

private func isAddress(_ text: String) -> Bool {
    IPAddress(text) != nil || IPPrefix(text) != nil
}

/// Keeps the first fault that it meets.
private struct FormCheck {
    typealias Check = (inout FormCheck, JSONValue, JSONPointer) -> Void

    private(set) var fault: (pointer: JSONPointer, detail: String)?

    mutating func refuse(_ pointer: JSONPointer, _ detail: String) {
        if fault == nil { fault = (pointer, detail) }
    }

    mutating func each(_ value: JSONValue, _ pointer: JSONPointer, _ check: Check) {
        guard let elements = value.elements else { return refuse(pointer, "an array is expected") }
        for (index, element) in elements.enumerated() {
            check(&self, element, pointer.appending(index))
        }
    }

    /// Refuses members with other names, because a plugin would ignore a misspelled limit.
    mutating func members(
        _ value: JSONValue, _ pointer: JSONPointer, _ names: [String], _ check: Check
    ) {
        guard let members = value.members else { return refuse(pointer, "an object is expected") }
        for member in members {
            let place = pointer.appending(member.name)
            if names.contains(where: { $0.isSame(as: member.name) }) {
                check(&self, member.value, place)
            } else {
                refuse(place, "the members are \(names.joined(separator: ", "))")
            }
        }
    }

    mutating func text(
        _ value: JSONValue, _ pointer: JSONPointer, _ what: String, _ accepts: (String) -> Bool
    ) {
        if value.string.map(accepts) != true { refuse(pointer, "\(what) is expected") }
    }

    mutating func texts(_ value: JSONValue, _ pointer: JSONPointer) {
        each(value, pointer) { $0.text($1, $2, "a text") { _ in true } }
    }

    mutating func amount(_ value: JSONValue, _ pointer: JSONPointer) {
        if (value.integer ?? -1) < 0 { refuse(pointer, "a whole number from 0 is expected") }
    }

    mutating func port(_ value: JSONValue, _ pointer: JSONPointer) {
        let names = ["hostPort", "containerPort", "protocol", "hostIP"]
        members(value, pointer, names) { _, _, _ in }
        for name in names.prefix(2) where !(1...65535).contains(value[name]?.integer ?? 0) {
            refuse(pointer.appending(name), "a port from 1 to 65535 is expected")
        }
        text(value["protocol"] ?? .null, pointer.appending("protocol"), "tcp, udp or sctp") {
            Transport(rawValue: $0) != nil
        }
        if let hostIP = value["hostIP"] {
            text(hostIP, pointer.appending("hostIP"), "an address") { IPAddress($0) != nil }
        }
    }

    mutating func range(_ value: JSONValue, _ pointer: JSONPointer) {
        text(value["subnet"] ?? .null, pointer.appending("subnet"), "a subnet") {
            IPPrefix($0) != nil
        }
    }
}
