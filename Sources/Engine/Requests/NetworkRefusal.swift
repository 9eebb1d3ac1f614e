// Why the engine refuses a request about a network, or about a pod on one.

package import Kernel
package import Model

package enum NetworkRefusal: Equatable, Sendable {
    case unknown(Label)
    case deleting(Label, operation: UID?)
    /// The number of pods that have an address of the network.
    case inUse(Label, pods: Int)
    case tooMany(limit: Int)
    /// A file of the configuration directory defines the network.
    case configured(Label, file: String)
    /// Another network, or a route of the host, has addresses of the subnet.
    case subnetTaken(IPPrefix, by: String)
    /// The daemon finds no subnet that is free.
    case subnetsExhausted
    /// Another pod has the address. The pod is `nil` if its record is just being removed.
    case addressTaken(IPAddress, by: Label?)
    case addressesExhausted(Label, IPPrefix)
    /// The bridge of the network has no free port (`Network.mostPods`).
    case bridgeFull(Label)
    /// The network has no such address for pods. `subnet` is `nil` if it has none of that family.
    case addressRefused(IPAddress, Label, subnet: IPPrefix?)
    /// Another pod has the host port.
    case portTaken(PortSpec, by: Label?)
}
