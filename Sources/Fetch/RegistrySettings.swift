// The settings of registries: a directory for each, with hosts.toml, or with Docker's ca.crt and
// client certificates. They are read while root, before any connection.

import Bytes
import Images
import Kernel
import Linux

struct RegistrySettings {
    /// The directory with a directory for each registry. It need not exist.
    let root: String

    /// The hosts that may serve the image, in the order in which they are asked. The last one is
    /// the registry itself. Throws `registry-settings-invalid`.
    func hosts(for reference: ImageReference) throws(FetchFailure) -> [RegistryHost] {
        let own = RegistryURL(isPlain: false, authority: reference.apiHost, path: "/v2")
        for name in RegistrySettings.names(of: reference.registry) {
            let directory = "\(root)/\(name)"
            let isThere: Bool
            do { isThere = try Files.isThere(directory) } catch { throw unreadable(error) }
            if isThere { return try hosts(in: directory, own: own) }
        }
        return [RegistryHost(url: own, isRegistry: true)]
    }

    /// containerd's order. The first form is for file systems without colons in names.
    static func names(of registry: String) -> [String] {
        var names: [String] = []
        if !registry.ends(with: "]"), let (host, port) = registry.cutAtLast(":") {
            names.append("\(host)_\(port)_")
        }
        return names + [registry, "_default"]
    }

    private func hosts(
        in directory: String, own: RegistryURL
    ) throws(FetchFailure) -> [RegistryHost] {
        let path = "\(directory)/hosts.toml"
        guard let bytes = try content(path, limit: HostsFile.byteLimit, mayLack: true) else {
            return [try dockerHost(directory, own)]
        }
        let file: HostsFile
        do { file = try HostsFile.parse(bytes) } catch {
            throw FetchFailure(.settingsInvalid, "\(path): \(error.detail)")
        }
        var hosts: [RegistryHost] = []
        for host in file.hosts {
            hosts.append(
                RegistryHost(
                    url: host.url ?? own, capabilities: host.capabilities,
                    trust: try trust(host, directory), headers: host.headers))
        }
        hosts[hosts.count - 1].isRegistry = true
        return hosts
    }

    private func trust(
        _ host: HostsFile.Host, _ directory: String
    ) throws(FetchFailure) -> Trust {
        var trust = Trust(skipsVerification: host.skipsVerification)
        for path in host.authorities { trust.authorities += try pem(path, directory) }
        guard let client = host.client else { return trust }
        trust.certificate = try pem(client.certificate, directory)
        trust.key =
            try client.key.map { path throws(FetchFailure) in try pem(path, directory) }
            ?? trust.certificate
        return trust
    }

    /// Docker's form: every `*.crt` is a CA, and `x.cert` has the key `x.key`.
    private func dockerHost(
        _ directory: String, _ own: RegistryURL
    ) throws(FetchFailure) -> RegistryHost {
        var host = RegistryHost(url: own, isRegistry: true)
        let names: [String]
        do { names = try Files.names(in: directory).sorted() } catch { throw unreadable(error) }
        for name in names where name.ends(with: ".crt") {
            host.trust.authorities += try pem(name, directory)
        }
        let certificates = names.filter { $0.ends(with: ".cert") }
        guard let name = certificates.first else { return host }
        guard certificates.count == 1 else {
            throw FetchFailure(
                .settingsInvalid, "\(directory) has more than one client certificate")
        }
        host.trust.certificate = try pem(name, directory)
        host.trust.key = try pem((name.before(".cert") ?? name) + ".key", directory)
        return host
    }

    private func pem(_ path: String, _ directory: String) throws(FetchFailure) -> [UInt8] {
        let path = path.begins(with: "/") ? path : "\(directory)/\(path)"
        // A bundle of many CAs is some hundred KiB. A file may end without a newline.
        return (try content(path, limit: 4 << 20) ?? []) + [UInt8(ascii: "\n")]
    }

    private func content(
        _ path: String, limit: Int, mayLack: Bool = false
    ) throws(FetchFailure) -> [UInt8]? {
        do { return try Files.readRegular(path, limit: limit) } catch {
            if mayLack, error.errnoName == "ENOENT" { return nil }
            throw unreadable(error)
        }
    }

    private func unreadable(_ failure: SystemCallFailure) -> FetchFailure {
        FetchFailure(.settingsInvalid, "\(failure)")
    }
}
