// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is held to; the fence for `unsafe` is kept by Tests/TidyTests.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "staunch",
    products: [
        .executable(name: "staunchd", targets: ["staunchd"]),
        .executable(name: "staunch-shim", targets: ["staunch-shim"]),
        .executable(name: "staunch-layer", targets: ["staunch-layer"]),
        .executable(name: "staunch-census", targets: ["staunch-census"]),
        .executable(name: "staunch-churn", targets: ["staunch-churn"]),
        .executable(name: "staunch-fetch", targets: ["staunch-fetch"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CMicrohttpd", pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(
            name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(
            name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
        .systemLibrary(
            name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .target(name: "CLinux"),
        .target(name: "CTOML"),
        .target(name: "COpenAPI", cSettings: [.unsafeFlags(["-std=c23", "-Wno-c23-extensions"])]),

        library("Failpoints"),
        library("Kernel", ["CLinux"]),
        library("Model", ["Bytes", "Kernel"]),
        library("Linux", ["CLinux", "Bytes", "Failpoints", "Kernel"]),
        library("Netlink", ["CLinux", "Bytes", "Failpoints", "Kernel", "Linux"]),
        library("JSON", ["CJansson", "Bytes"]),
        .target(name: "CHTTP", dependencies: ["CMicrohttpd"]),
        library("Bytes"),
        library("HTTP", ["CMicrohttpd", "CHTTP", "Bytes", "Failpoints", "Kernel", "Linux"]),
        library("Metrics"),
        library("CNI", ["Bytes", "Kernel", "JSON"]),
        library("Images", ["Bytes", "JSON"]),
        library("Documents", ["CNI", "Kernel", "Model", "JSON", "Bytes"]),
        library("OCI", ["Kernel", "Model", "JSON", "Bytes"]),
        library("Seccomp", ["Bytes", "CSeccomp", "JSON", "Kernel", "Linux"]),
        library("ShimProtocol", ["Bytes", "Kernel"]),
        library("Store", ["Bytes", "CSQLite", "Failpoints"]),
        library("Teardown", ["Model"]),
        library(
            "EventLoop",
            [
                "Kernel", "Linux", "Model",
                .product(name: "HeapModule", package: "swift-collections"),
            ]),
        library("Hashing", ["CNettle", "Images"]),
        library(
            "Archive",
            ["Bytes", "CArchive", "Failpoints", "Hashing", "Images", "Kernel", "Linux"]),
        library("LayerProtocol", ["Bytes", "Images", "JSON"]),
        library(
            "Layer",
            [
                "Archive", "Bytes", "Hashing", "Images", "JSON", "Kernel", "LayerProtocol", "Linux",
                "Seccomp",
            ]),
        library("Shim", ["Bytes", "Kernel", "Linux", "Netlink", "ShimProtocol"]),
        // Optimised in debug builds, too: every machine test waits for it twice.
        .target(
            name: "Census", dependencies: ["Bytes", "Kernel", "Linux", "Netlink"],
            swiftSettings: strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]),
        library("Host", ["Bytes", "CNI", "EventLoop", "Kernel", "Model", "ShimProtocol"]),
        library(
            "LinuxHost",
            [
                "Bytes", "CNI", "EventLoop", "Host", "JSON", "Kernel", "Linux", "Metrics", "Model",
                "Netlink", "OCI", "Seccomp", "ShimProtocol",
            ]),
        library(
            "Engine",
            [
                "Bytes", "CNI", "Documents", "EventLoop", "Host", "JSON", "Kernel", "Metrics",
                "Model", "ShimProtocol", "Store", "Teardown",
            ]),
        library(
            "API",
            [
                "Model", "Kernel", "Linux", "JSON", "Bytes", "CNI", "HTTP", "Host", "Documents",
                "Engine", "Metrics", "ShimProtocol", "COpenAPI",
            ]),
        library(
            "Simulation", ["CNI", "EventLoop", "Host", "Kernel", "Model", "ShimProtocol", "Store"]),
        .executableTarget(
            name: "staunch-simulate",
            dependencies: [
                "Simulation", "Engine", "EventLoop", "Host", "Kernel", "Model", "Documents",
                "Store", "JSON", "ShimProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        library("Client", ["Bytes", "CCurl", "JSON"]),
        library(
            "Fetch",
            [
                "Bytes", "CCurl", "CNettle", "CTOML", "Hashing", "Images", "JSON", "Kernel",
                "Linux",
            ]),
        .executableTarget(
            name: "staunch-fetch", dependencies: ["Fetch", "Kernel", "Linux"],
            swiftSettings: strict),
        library(
            "Churn",
            [
                "Client", "Census", "JSON", "Bytes", "Kernel", "Linux",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ]),
        .executableTarget(name: "staunch-shim", dependencies: ["Shim"], swiftSettings: strict),
        .executableTarget(name: "staunch-layer", dependencies: ["Layer"], swiftSettings: strict),
        .executableTarget(
            name: "staunchd",
            dependencies: [
                "API", "Bytes", "Engine", "HTTP", "Host", "Kernel", "Linux", "LinuxHost", "Metrics",
                "Model", "Seccomp", "Store",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "staunch-census",
            dependencies: [
                "Census", "Linux", "JSON", "Bytes",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "staunch-churn",
            dependencies: [
                "Churn", "Kernel", "Linux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        tests("BytesTests", ["Bytes"]),
        tests("KernelTests", ["Kernel"]),
        tests("ModelTests", ["Model", "Kernel"]),
        tests("JSONTests", ["JSON", "Bytes"]),
        tests("HTTPTests", ["HTTP", "Bytes"]),
        tests("StoreTests", ["Store"]),
        tests("MetricsTests", ["Metrics"]),
        tests("DocumentsTests", ["Documents", "Kernel", "Model", "JSON", "Bytes"]),
        tests(
            "APITests",
            [
                "API", "Bytes", "Documents", "Engine", "EventLoop", "HTTP", "Host", "JSON",
                "Kernel",
                "Linux", "Model",
            ]),
        tests("OCITests", ["OCI", "Kernel", "Model", "JSON", "ShimProtocol"]),
        tests("SeccompTests", ["Seccomp"]),
        tests("CNITests", ["CNI", "Bytes", "JSON", "Kernel"]),
        tests("ImagesTests", ["Images"]),
        tests("FetchTests", ["Fetch", "Hashing", "Images", "JSON", "Linux", "staunch-fetch"]),
        tests("ShimProtocolTests", ["ShimProtocol", "Kernel"]),
        tests("LinuxTests", ["Linux", "Kernel"]),
        tests("NetlinkTests", ["CLinux", "Kernel", "Linux", "Netlink"]),
        tests("LinuxHostTests", ["LinuxHost", "Host", "Linux", "Model", "OCI", "ShimProtocol"]),
        tests(
            "LayerTests",
            [
                "Archive", "Bytes", "Hashing", "Images", "JSON", "Kernel", "Layer", "LayerProtocol",
                "Linux", "staunch-layer",
            ]),
        tests("ShimTests", ["Shim", "ShimProtocol", "Kernel", "Linux"]),
        tests("TeardownTests", ["Kernel", "Teardown", "Model"]),
        tests(
            "EngineTests",
            [
                "Engine", "EventLoop", "Host", "Simulation", "Bytes", "CNI", "JSON", "Kernel",
                "Metrics", "Model", "Documents", "Store", "Teardown",
            ]),
        tests("ClientTests", ["Client", "HTTP", "JSON", "Bytes"]),
        tests("ChurnTests", ["Churn", "JSON"]),
        .testTarget(name: "TidyTests", swiftSettings: strict),
        tests("MachineTests", ["CLinux", "JSON", "Census"]),
    ],
    cxxLanguageStandard: .cxx17
)

// The fuzzers have libFuzzer's main and see what is internal: scripts/fuzz alone builds them.
if Context.environment["STAUNCH_FUZZ"] != nil {
    package.targets += [
        .executableTarget(
            name: "staunch-fuzz",
            dependencies: [
                "API", "Archive", "Bytes", "CNI", "Documents", "Fetch", "HTTP", "Images", "JSON",
                "Kernel", "Layer", "LayerProtocol", "Linux", "Model", "Netlink", "Shim",
                "ShimProtocol",
            ],
            path: "Tests/Fuzz", exclude: ["corpus", "words.dict"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
    ]
}
