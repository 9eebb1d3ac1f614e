// Assigns the sockets that the service manager passed.

import Host
import Linux

/// Descriptors that are still to be adopted, each once.
struct PassedListeners {
    private(set) var api: CInt?
    private(set) var metrics: CInt?

    /// Assigns by name if it is `api` or `metrics`. Otherwise a unix socket is for the API, and a
    /// TCP socket is for the metrics.
    init(_ passed: [ServiceManager.PassedDescriptor]) throws(StartFailure) {
        for descriptor in passed {
            let place = "descriptor \(descriptor.number) of LISTEN_FDS ('\(descriptor.name)')"
            guard let socket = ListeningSocket(descriptor.number) else {
                throw StartFailure("\(place) is no stream socket that listens; see ListenStream=")
            }
            let isForMetrics =
                descriptor.name == "metrics" || descriptor.name != "api" && socket == .tcp
            guard isForMetrics || socket != .tcp else {
                throw StartFailure(
                    "\(place) is a TCP socket; the API has no authentication, and is served on "
                        + "unix sockets alone")
            }
            guard (isForMetrics ? metrics : api) == nil else {
                throw StartFailure("\(place) is the second of its kind; pass one")
            }
            if isForMetrics { metrics = descriptor.number } else { api = descriptor.number }
        }
    }
}
