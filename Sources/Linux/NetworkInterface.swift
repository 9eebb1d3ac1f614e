// Looks at network interfaces that do not need netlink.

import Glibc

package enum NetworkInterface {
    /// Whether the thread's network namespace has an interface of this name. It waits for nothing,
    /// because the kernel answers SIOCGIFINDEX under RCU, without RTNL.
    package static func exists(_ name: String) -> Bool {
        // SAFETY: the C string lives for the call.
        unsafe if_nametoindex(name) != 0
    }
}
