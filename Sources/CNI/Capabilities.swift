// The values of `runtimeConfig`: a plugin gets a value if its configuration declares the capability
// (SPEC.md section 3, "Deriving runtimeConfig"; CONVENTIONS.md has the forms).

import Bytes
package import JSON
package import Kernel

/// Capability arguments, by their names. The values of the well-known names have their forms.
package struct CapabilityArguments: Equatable, Sendable {
    package private(set) var members: [JSONMember] = []

    package init() {}

    /// Adds a value, or replaces the value of its name. A value that its plugins would refuse or
    /// misread is refused with a pointer to the place in `value`.
    package mutating func set(_ name: String, _ value: JSONValue) throws(CapabilityFault) {
        if let form = CapabilityForm(rawValue: name), let fault = form.fault(in: value) {
            throw CapabilityFault(name: name, pointer: fault.pointer, detail: fault.detail)
        }
        members = JSONValue.object(members).replacing(name, with: value).members ?? members
    }

    package mutating func set(ports: [PortMapping]) {
        members =
            JSONValue.object(members)
            .replacing("portMappings", with: .array(ports.map(\.json))).members ?? members
    }
}

/// A value that does not have the form of its capability.
package struct CapabilityFault: Error, Equatable, Sendable {
    package let name: String
    /// The place in the value.
    package let pointer: JSONPointer
    /// For people: what is wrong.
    package let detail: String
}

/// A port of the host that leads to a port of the pod.
package struct PortMapping: Equatable, Sendable {
    package let hostPort: UInt16
    package let containerPort: UInt16
    /// "tcp", "udp" or "sctp".
    package let transport: String
    /// `nil` for all addresses of the host.
    package let hostIP: IPAddress?

    package init(
        hostPort: UInt16, containerPort: UInt16, transport: String, hostIP: IPAddress?
    ) {
        self.hostPort = hostPort
        self.containerPort = containerPort
        self.transport = transport
        self.hostIP = hostIP
    }

    var json: JSONValue {
        var members = [
            JSONMember(name: "hostPort", value: .integer(Int64(hostPort))),
            JSONMember(name: "containerPort", value: .integer(Int64(containerPort))),
            JSONMember(name: "protocol", value: .string(transport)),
        ]
        if let hostIP {
            members.append(JSONMember(name: "hostIP", value: .string(hostIP.description)))
        }
        return .object(members)
    }
}
