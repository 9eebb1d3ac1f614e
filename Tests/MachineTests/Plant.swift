// One example of each kind that the census must see.

import Census
import Foundation
import Glibc

enum Plant: String, CaseIterable, Sendable {
    case process, zombie, thread, descriptors
    case mount, overlayElsewhere, detachedFile, detachedDirectory, loop, detachedSuperblock
    case network, namespace, socket, socketInNetwork, interface, port, address
    case cgroup, file, fileNotUTF8, tooDeep
    case boundContent, boundMode, boundFile

    /// The texts in the new lines of the census.
    func lines(_ home: String) -> [String] {
        switch self {
        case .process: ["process ", " sh"]
        case .zombie: ["zombie ", " sh"]
        case .thread: ["thread "]
        case .descriptors: [" epoll 1", " pidfd 1", " pipe 2", " memfd 1", " eventfd 2"]
        case .mount: ["mount mnt:[", "\(home)/run/mount tmpfs"]
        case .overlayElsewhere: ["/mnt overlay", "superblock overlay ", "upperdir=\(home)/upper"]
        case .detachedFile: [" descriptor 3 /held"]
        case .detachedDirectory: ["detached ", " sh directory"]
        case .loop: ["loop loop", "\(home)/disk"]
        case .detachedSuperblock: ["superblock ext4 loop"]
        case .network: ["network net:["]
        case .namespace: ["namespace ipc:["]
        case .socket: ["socket \(home)/planted.sock"]
        case .socketInNetwork: ["socket net:[", " @staunch-planted"]
        case .interface: ["interface \(Plant.veth) "]
        case .port: ["port \(Plant.bridge)/\(Plant.veth)"]
        case .address: ["address \(Plant.ipam) 10.255.0.2 holder eth0"]
        case .cgroup: Census.hierarchies.map { "cgroup \($0)/staunch-test-census-\(getpid())/pod" }
        case .file: ["file \(home)/run/forgotten"]
        case .fileNotUTF8: ["file \(home)/run/a\\xff\\x5c\\x0a"]
        case .tooDeep: ["unreadable \(home)/data/d/"]
        case .boundContent, .boundMode: ["bind \(home)/bound/canary "]
        case .boundFile: ["bind \(home)/bound/more ", "bind \(home)/bound directory "]
        }
    }

    /// Plants it, and returns the closure that removes it. A second call of the closure does
    /// nothing, because by then the pid or the loop device may be another's.
    func plant(_ home: String, _ cgroupParent: String) throws -> () throws -> Void {
        let uproot = try planted(home, cgroupParent)
        var isThere = true
        return {
            guard isThere else { return }
            isThere = false
            try uproot()
        }
    }

    private func planted(_ home: String, _ cgroupParent: String) throws -> () throws -> Void {
        switch self {
        case .process, .zombie, .thread, .descriptors: try plantProcess(home + "/")
        case .mount, .overlayElsewhere, .detachedFile, .detachedDirectory:
            try plantMount(home)
        case .loop, .detachedSuperblock: try plantLoop(home)
        case .network, .namespace, .socket, .socketInNetwork: try plantSocket(home)
        case .interface, .port, .address: try plantOnHost()
        case .cgroup: try plantCgroup(cgroupParent)
        case .file, .fileNotUTF8, .tooDeep: try plantFile(home)
        case .boundContent, .boundMode, .boundFile: try plantBound(home + "/bound")
        }
    }

    static let veth = "st\(getpid() % 1_000_000)a"
    static let bridge = "st\(getpid() % 1_000_000)b"
    static let ipam = "staunch-test-\(getpid())"
}
