// The interface of a record store: SQLite on tmpfs, or a test's memory.

/// The calls of a store. Its owner makes one at a time, under the owner's lock.
package protocol RecordKeeping: AnyObject {
    func commit(_ change: StoreChange) throws(StoreFailure)
    func pods() throws(StoreFailure) -> [PodRecord]
    func runningOperations() throws(StoreFailure) -> [[UInt8]]
    func namespaces() throws(StoreFailure) -> [NamespaceRecord]
    func networks() throws(StoreFailure) -> [NetworkRecord]
    func revision() throws(StoreFailure) -> UInt64
    func operation(_ id: RecordID) throws(StoreFailure) -> StoredOperation?
    func operations(
        after creation: UInt64, limit: Int, bytes: Int, onlyRunning: Bool
    ) throws(StoreFailure) -> [ListedOperation]
    func alias(
        _ id: RecordID
    ) throws(StoreFailure) -> (operation: RecordID, fingerprint: UInt64)?
    func removal(ofTarget uid: RecordID) throws(StoreFailure) -> StoredOperation?
    func removal(_ kind: String, of name: String) throws(StoreFailure) -> StoredOperation?
    func removal(
        _ kind: String, of part: String, in owner: RecordID
    ) throws(StoreFailure) -> StoredOperation?
    func events(after revision: UInt64, limit: Int) throws(StoreFailure) -> [EventRecord]
    func eventFloor() throws(StoreFailure) -> UInt64
    func forgotten() throws(StoreFailure) -> ForgottenTimes?
    func setForgotten(_ times: ForgottenTimes) throws(StoreFailure)
    func lastRemovedUID() throws(StoreFailure) -> RecordID?
    func prune(_ retention: Retention) throws(StoreFailure) -> Bool
}

extension Store: RecordKeeping {}
