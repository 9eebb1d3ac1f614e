// The imports between targets point down the list of Sources/README.md, and never up.

import Foundation
import Testing

@Suite struct Layout {
    /// From the bottom of the program up. A target may import only the targets before it.
    static let order = [
        "CMicrohttpd", "CJansson", "CSQLite", "CCurl", "CSeccomp", "CArchive", "CNettle", "CLinux",
        "CHTTP", "COpenAPI", "CTOML",
        "Failpoints", "Bytes", "Kernel", "Linux", "Netlink", "JSON", "HTTP", "Metrics", "Model",
        "Teardown", "CNI", "Images", "Documents", "EventLoop", "OCI", "Seccomp", "ShimProtocol",
        "Store",
        "Hashing", "Archive", "LayerProtocol", "Layer", "Shim", "Host", "LinuxHost", "Simulation",
        "Engine",
        "API",
        "staunch-simulate", "staunch-shim", "staunch-layer", "staunchd", "Census", "staunch-census",
        "Client", "Churn", "staunch-churn", "Fetch", "staunch-fetch",
    ]

    /// Targets that may import less than the order permits.
    static let only: [String: Set<String>] = [
        "Failpoints": [],
        "Kernel": ["CLinux"],
        "Model": ["Bytes", "Kernel"],
        // The daemon starts no plugin and reads no file itself: this target has only values.
        "CNI": ["Bytes", "Kernel", "JSON"],
        "ShimProtocol": ["Bytes", "Kernel"],
        // The daemon reads what its helpers have verified, without libcurl or a hash.
        "Images": ["Bytes", "JSON"],
        // It is linked into the program beside each pod.
        "Netlink": ["CLinux", "Bytes", "Failpoints", "Kernel", "Linux"],
        "Metrics": [],
        "Teardown": ["Model"],
        "EventLoop": ["Kernel", "Linux", "Model"],
        // What the engine needs of the machine, without the machine.
        "Host": ["Bytes", "CNI", "EventLoop", "Kernel", "Model", "ShimProtocol"],
        "Simulation": ["CNI", "EventLoop", "Host", "Kernel", "Model", "ShimProtocol", "Store"],
        // The engine makes no system call, and knows no runtime.
        "Engine": [
            "Bytes", "CNI", "Documents", "EventLoop", "Host", "JSON", "Kernel", "Metrics", "Model",
            "ShimProtocol", "Store", "Teardown",
        ],
        // The process beside each pod contains nothing that it can do without.
        "Shim": ["Bytes", "Kernel", "Linux", "Netlink", "ShimProtocol"],
        "staunch-shim": ["Shim"],
        // What parses layers has nothing of the daemon.
        "Hashing": ["CNettle", "Images"],
        "Archive": [
            "Bytes", "CArchive", "Kernel", "Linux", "Failpoints", "Hashing", "Images",
        ],
        "LayerProtocol": ["Bytes", "Images", "JSON"],
        "Layer": [
            "Archive", "Bytes", "Hashing", "Images", "JSON", "Kernel", "LayerProtocol", "Linux",
            "Seccomp",
        ],
        "staunch-layer": ["Layer"],
        // An instrument shares nothing with what it measures.
        "Census": ["Bytes", "Kernel", "Linux", "Netlink"],
        "staunch-census": ["Census", "Kernel", "Linux", "JSON", "Bytes"],
        // The API's client has nothing of the engine, not even its vocabulary.
        "Client": ["Bytes", "CCurl", "JSON"],
        "Churn": ["Client", "Census", "JSON", "Bytes", "Kernel", "Linux"],
        "staunch-churn": ["Churn", "Kernel", "Linux"],
        // It talks to registries, and shares nothing with the daemon but the documents.
        "Fetch": [
            "Bytes", "CCurl", "CNettle", "CTOML", "Hashing", "Images", "JSON", "Kernel", "Linux",
        ],
        "staunch-fetch": ["Fetch", "Kernel", "Linux"],
    ]

    /// Modules of the toolchain.
    static let outside: Set = [
        "Glibc", "Synchronization", "ArgumentParser", "Dispatch", "HeapModule", "Histogram",
    ]

    /// Every import of our targets: importer, imported, and place.
    private func imports() throws -> [(from: String, to: String, place: String)] {
        try SourceFile.all(below: "Sources").filter(\.isSwift).flatMap { file in
            file.code.enumerated().compactMap { index, line in
                let pattern =
                    /^\s*(?:@\w+ )*(?:(?:package|internal|private|fileprivate) )?import (\w+)/
                guard let name = line.firstMatch(of: pattern)?.output.1 else { return nil }
                return (file.target, String(name), "\(file.path):\(index + 1)")
            }
        }
    }

    @Test("every target has its place in the order")
    func placesAreKnown() throws {
        let folders = try FileManager.default.contentsOfDirectory(
            atPath: SourceFile.root + "/Sources")
        #expect(Set(folders).subtracting(Layout.order) == ["README.md"])
    }

    @Test("imports point down")
    func importsPointDown() throws {
        for (from, to, place) in try imports() where !Layout.outside.contains(to) {
            let upper = try #require(Layout.order.firstIndex(of: from), "\(place)")
            let lower = try #require(Layout.order.firstIndex(of: to), "\(place): \(to)")
            #expect(lower < upper, "\(place): \(from) imports \(to)")
        }
    }

    @Test("small targets import only their permitted targets")
    func smallOnesStaySmall() throws {
        for (from, to, place) in try imports() where !Layout.outside.contains(to) {
            guard let allowed = Layout.only[from] else { continue }
            #expect(allowed.contains(to), "\(place): \(from) imports \(to)")
        }
    }

    /// The dependencies of each target of Package.swift, by the target's name.
    private func declared() throws -> [String: Set<String>] {
        let package = try String(
            contentsOfFile: SourceFile.root + "/Package.swift", encoding: .utf8)
        let plain = /(?:library|tests)\(\s*"([\w-]+)"(?:,\s*\[([^\]]*)\])?/
        let named = /name: "([\w-]+)",\s*dependencies: \[([^\]]*)\]/
        let found = package.matches(of: plain).map { ($0.output.1, $0.output.2 ?? "") }
        let others = package.matches(of: named).map { ($0.output.1, $0.output.2) }
        return (found + others).reduce(into: [:]) { all, target in
            let names = target.1.matches(of: /"(\w+)"/).map { String($0.output.1) }
            all[String(target.0)] = Set(names)
        }
    }

    /// A build of all targets finds undeclared modules, but a build of some targets does not.
    @Test("a target imports only the dependencies that Package.swift declares")
    func importsAreDeclared() throws {
        let declared = try declared()
        #expect(declared.count > 30)
        let toolchain: Set = ["Glibc", "Synchronization", "Dispatch"]
        for (from, to, place) in try imports() where !toolchain.contains(to) {
            #expect(declared[from]?.contains(to) == true, "\(place): \(from) imports \(to)")
        }
    }

    @Test("the shim uses no Swift concurrency")
    func shimIsSingleThreaded() throws {
        let shim = try SourceFile.all(below: "Sources").filter {
            [
                "Shim", "ShimProtocol", "staunch-shim", "Kernel", "Linux", "Netlink", "Failpoints",
                "Bytes",
            ].contains(
                $0.target)
        }
        let words = ["async", "await", "actor", "Task"]
        #expect(places(shim) { line in words.contains(where: line.hasWord) } == [])
    }
}
