// The engine's refusals about networks as problem documents.

import Documents
import Engine
import Kernel
import Model

extension Problem {
    init(_ refusal: NetworkRefusal, instance: String) {
        switch refusal {  // no `default`: a new case must choose its code here
        case .unknown(let name):
            self.init(.networkUnknown, "no network \(name)", instance: instance)
        case .deleting(let name, let delete):
            let detail = "\(name) is being deleted"
            self.init(.networkDeleting, detail, instance: instance, operation: delete)
        case .inUse(let name, let pods):
            let detail = "\(pods) \(pods == 1 ? "pod has" : "pods have") an address of \(name)"
            self.init(.networkInUse, detail, instance: instance)
        case .tooMany(let limit):
            self.init(.tooManyPods, "\(limit) networks are allowed", instance: instance)
        case .configured(let name, let file):
            let detail = "\(file) defines the network \(name)"
            self.init(.networkConfigured, detail, instance: instance)
        case .subnetTaken(let subnet, let owner):
            self.init(.subnetTaken, "\(subnet) overlaps \(owner)", instance: instance)
        case .subnetsExhausted:
            let detail = "each of 10.88.0.0/16 to 10.127.0.0/16 is in use; name another subnet"
            self.init(.subnetTaken, detail, instance: instance)
        case .addressTaken(let address, let pod):
            let detail = "\(address) belongs to \(owner(pod))"
            self.init(.addressTaken, detail, instance: instance)
        case .addressesExhausted(let name, let subnet):
            let detail = "pods have all \(subnet.pods) addresses of \(name), \(subnet)"
            self.init(.addressesExhausted, detail, instance: instance)
        case .bridgeFull(let name):
            let most = Network.mostPods
            let detail = "\(name) has \(most) pods; the kernel's bridges have no more ports"
            self.init(.addressesExhausted, detail, instance: instance)
        case .addressRefused(let address, let name, let subnet?):
            let detail = "\(address) is no address for pods of the network \(name), \(subnet)"
            self.init(.addressRefused, detail, instance: instance)
        case .addressRefused(_, let name, nil):
            let detail = "the network \(name) has no IPv6 addresses"
            self.init(.addressRefused, detail, instance: instance)
        case .portTaken(let port, let pod):
            let detail = "\(port.hostPort)/\(port.transport) belongs to \(owner(pod))"
            self.init(.portTaken, detail, instance: instance)
        }
    }
}

private func owner(_ pod: Label?) -> String {
    pod.map { "the pod \($0)" } ?? "a pod that is being removed"
}
