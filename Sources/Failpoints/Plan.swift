// A test's plan: a page of memory that every process of one daemon shares.

#if STAUNCH_FAILPOINTS
    import Glibc
    import Synchronization

    /// The words of the page, 64 bits each; Tests/MachineTests/Plan.swift writes them.
    enum Word: Int {
        /// The plan's number; 0 if there is none.
        case armed
        /// The kinds of processes to which it applies.
        case kinds
        /// Index of the failpoint to trigger, counted from 1.
        case target
        case action
        /// For `Action.fail`: the errno.
        case number
        /// The number of failpoints reached.
        case count
        /// 1 when it has fired, 2 when the words below contain the process that fired.
        case fired
        case pid
        case kind
        /// A stopped process continues when this is not 0.
        case released
        /// The point's name, eight words.
        case name
    }

    enum Action: UInt64 {
        case kill = 1
        case stall, fail
        /// Stops the process that fires, and then all others at their next failpoint.
        case freeze
    }

    enum Kind: UInt64 {
        case daemon = 1
        case shim = 2
        case helper = 4
    }

    @safe final class Plan: Sendable {
        /// `nil` in a process that no test started.
        static let shared = Plan()

        // SAFETY: the page stays mapped as long as the process lives, and every process that shares
        // it uses atomics.
        nonisolated(unsafe) private let words: UnsafeMutablePointer<Atomic<UInt64>>
        private let kind: Kind
        private let pid = getpid()

        private init?() {
            guard let directory = unsafe getenv("STAUNCH_FAILPOINTS") else { return nil }
            let path = unsafe String(cString: directory) + "/plan"
            let file = unsafe open(path, O_RDWR | O_CLOEXEC)
            guard file >= 0 else { return nil }
            defer { close(file) }
            let page = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
            guard let page = unsafe page, unsafe page != MAP_FAILED else { return nil }
            unsafe words = page.bindMemory(to: Atomic<UInt64>.self, capacity: 512)
            kind = Plan.kind(of: CommandLine.arguments)
        }

        private static func kind(of arguments: [String]) -> Kind {
            if arguments.first?.hasSuffix("staunchd") == true { return .daemon }
            return arguments.dropFirst().first == "pod" ? .shim : .helper
        }

        subscript(_ word: Word, _ offset: Int = 0) -> UInt64 {
            get { unsafe words[word.rawValue + offset].load(ordering: .sequentiallyConsistent) }
            set {
                unsafe words[word.rawValue + offset]
                    .store(newValue, ordering: .sequentiallyConsistent)
            }
        }

        /// A process that this one forked is a helper.
        var ownKind: Kind { getpid() == pid ? kind : .helper }

        /// Counts a failpoint; `true` for the planned one, once.
        func isMeant() -> Bool {
            guard self[.armed] != 0, self[.kinds] & ownKind.rawValue != 0 else { return false }
            let count = unsafe words[Word.count.rawValue]
                .add(1, ordering: .sequentiallyConsistent).newValue
            guard count == self[.target] else { return false }
            return unsafe words[Word.fired.rawValue].compareExchange(
                expected: 0, desired: 1, ordering: .sequentiallyConsistent
            ).exchanged
        }

        /// Tells the test which process fired, and at which failpoint.
        func tell(_ name: StaticString, _ moment: String) {
            let text = Array("\(name) \(moment)".utf8.prefix(63))
            for index in 0..<8 {
                let bytes = text.dropFirst(index * 8).prefix(8)
                self[.name, index] = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
            }
            self[.pid] = UInt64(getpid())
            self[.kind] = ownKind.rawValue
            self[.fired] = 2
        }

        func waitForRelease() {
            let plan = self[.armed]
            while self[.released] == 0 && self[.armed] == plan { usleep(500) }
        }
    }
#endif
