// The census of LAWS.md, before the first create and after the last delete.

struct CensusTaker {
    init(_ shared: Setting, ownDaemon: Bool) {}

    /// What is there now and was not before, by name; `nil` where no census can be taken.
    func leftSince() -> [String]? { nil }
}
