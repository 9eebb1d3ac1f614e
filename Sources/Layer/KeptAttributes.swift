// The extended attributes that a layer may set.
//
// `trusted.*` is an overlay's own language: a kept `trusted.overlay.redirect` makes the kernel show
// another directory of the layers. `user.overlay.*` is the same for overlays with `userxattr`.
// `security.selinux` and the like would make labels of another host count here.

import Archive

extension TarItem {
    /// Those of the entry's attributes that its file gets. The others are left out.
    var keptAttributes: [Attribute] {
        switch kind {
        case .file: attributes.filter { isContent($0.name) || $0.name == capability }
        case .directory: attributes.filter { isKeptOnDirectories($0.name) }
        // The kernel permits neither kind on links, devices and pipes (xattr(7)).
        case .link, .hardLink, .device, .fifo, .other: []
        }
    }
}

func isKeptOnDirectories(_ name: [UInt8]) -> Bool { isContent(name) || name == defaultACL }

private func isContent(_ name: [UInt8]) -> Bool {
    if name == accessACL { return true }
    return name.starts(with: "user.".utf8) && !name.starts(with: "user.overlay.".utf8)
}

private let capability = Array("security.capability".utf8)
let (accessACL, defaultACL) = (
    Array("system.posix_acl_access".utf8), Array("system.posix_acl_default".utf8)
)
/// The mark of a directory that hides the directory below it, for overlays with `userxattr`.
let opaqueMark = Array("user.overlay.opaque".utf8)
