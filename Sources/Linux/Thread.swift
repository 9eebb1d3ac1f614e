// Threads for loops that last as long as the process.

import CLinux
import Glibc

package enum Thread {
    /// Starts a detached thread that runs `body`; `ps -T` shows `name`. It inherits the blocked
    /// signals. If the thread cannot be created, the process ends, because a daemon cannot work
    /// without its loop.
    package static func start(_ name: String? = nil, _ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(Body(name, body))
        var thread = pthread_t()
        // SAFETY: the box is retained here and released by the thread, once.
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().go()
                return nil
            }, unsafe box.toOpaque())
        if result != 0 { fatalError("pthread_create: errno \(result)") }
        _ = pthread_detach(thread)
    }

    private final class Body: Sendable {
        private let name: String?
        private let run: @Sendable () -> Void

        init(_ name: String?, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }

        func go() {
            // SAFETY: the C string lives for the call, which copies it.
            if let name { unsafe clinux_name_thread(name) }
            run()
        }
    }
}
