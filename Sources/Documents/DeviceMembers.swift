//  The devices of a task.

import Bytes
import JSON
import Model

extension DeviceSpec {
    /// `containerPath` is written always; a request that omits it gets `path`.
    static let members = SpecTable<DeviceSpec>([
        .required("path", \.path, { $0.path = $1 }, .text { $0.path() }),
        .optional(
            "containerPath", \.containerPath, { $0.containerPath = $1 }, .text { $0.path() }),
        .optional(
            "permissions", \.permissions, { $0.permissions = $1 }, .text { $0.permissions() }),
    ])
}

extension DeviceSpec {
    fileprivate static let blank = DeviceSpec(path: "", containerPath: "")
}

extension Codec<[DeviceSpec]> {
    static var devices: Codec {
        .objects(DeviceSpec.members, .blank) { $0.devices() }
    }
}

extension DocumentLimits {
    /// Devices of a task.
    static let devices = 256
}

extension Field {
    fileprivate func devices() -> [DeviceSpec]? {
        guard let elements = elements(limit: DocumentLimits.devices) else { return nil }
        var places: Set<[ByteKey]> = []
        return elements.compactMap { element in
            var device = DeviceSpec.blank
            guard element.readObject(DeviceSpec.members, into: &device) else { return nil }
            let isNamed = element.value["containerPath"] != nil
            if !isNamed { device.containerPath = device.path }
            let place = Field(
                value: element.value,
                pointer: element.pointer.appending(isNamed ? "containerPath" : "path"),
                log: element.log)
            let components = pathComponents(device.containerPath)
            if components.first != "dev" || components.count < 2 {
                place.refuse(
                    isNamed
                        ? "must be below '/dev'"
                        : "is not below '/dev', so the device needs a 'containerPath' there")
            } else if !places.insert(components.map(ByteKey.init)).inserted {
                place.refuse("'\(device.containerPath)' is another device's place, too")
            }
            return device
        }
    }

    fileprivate func permissions() -> String? {
        parsed("letters of 'rwm', each at most once") { text in
            let letters = Array(text.utf8)
            let isValid =
                !letters.isEmpty && Set(letters).count == letters.count
                && letters.allSatisfy("rwm".utf8.contains)
            return isValid ? text : nil
        }
    }
}
