// The answer of a network's plugins to STATUS (CNI 1.1): whether they can attach pods.

package enum NetworkStatus: Equatable, Sendable {
    /// The plugins do not know STATUS.
    case unsupported
    case ready
    /// A plugin says that it cannot attach pods, and why.
    case notReady(plugin: String, detail: String)
    /// A plugin gave no answer, and why.
    case unanswered(plugin: String, detail: String)
}
