// The plan that a test has made: a page of memory that every process of one daemon shares.

#if STAUNCH_FAILPOINTS
    import Glibc
    import Synchronization

    /// The words of the page, each of 64 bits; Tests/MachineTests/Plan.swift writes them.
    enum Word: Int {
        /// The plan's number; 0 where there is none.
        case armed
        /// Which kinds of processes it is for.
        case kinds
        /// The how manieth of their points it is for, from 1.
        case target
        case action
        /// With `Action.fail`: the errno.
        case number
        /// How many points have been come to.
        case count
        /// 1 once it has fired, 2 once it stands below who that was.
        case fired
        case pid
        case kind
        /// Whoever is stopped goes on once this is not 0.
        case released
        /// The point's name, eight words.
        case name
    }

    enum Action: UInt64 {
        case kill = 1
        case stall, fail
        /// Stops whoever fires, and then all of them at their next point.
        case freeze
    }

    enum Kind: UInt64 {
        case daemon = 1
        case shim = 2
        case helper = 4
    }

    @safe final class Plan: Sendable {
        /// `nil` in a process of no test.
        static let shared = Plan()

        // SAFETY: the page stays mapped for as long as the process lives, and all who share it go
        // through atomics.
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

        /// Counts a point, and is true for the one that is meant, once.
        func isMeant() -> Bool {
            guard self[.armed] != 0, self[.kinds] & ownKind.rawValue != 0 else { return false }
            let count = unsafe words[Word.count.rawValue]
                .add(1, ordering: .sequentiallyConsistent).newValue
            guard count == self[.target] else { return false }
            return unsafe words[Word.fired.rawValue].compareExchange(
                expected: 0, desired: 1, ordering: .sequentiallyConsistent
            ).exchanged
        }

        /// Tells the test who fired, and where.
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
