// A change of one control file of a task's cgroup. The daemon knows the values, and the shim the
// task's cgroups.

package struct ControlWrite: Equatable, Sendable {
    /// The place of the value in the task's document, such as `/resources/memory`.
    package let member: String
    /// The controller of cgroup v1; empty for the unified hierarchy.
    package let controller: String
    /// The file's name.
    package let file: String
    /// The text to write.
    package let text: String
    /// Whether the file must exist. A limit that is lifted needs none.
    package let isNeeded: Bool
    /// Whether the parent's value is written instead of `text`: a cpuset of cgroup v1 is never
    /// empty.
    package let isInherited: Bool

    package init(
        member: String, controller: String, file: String, text: String, isNeeded: Bool = true,
        isInherited: Bool = false
    ) {
        self.member = member
        self.controller = controller
        self.file = file
        self.text = text
        self.isNeeded = isNeeded
        self.isInherited = isInherited
    }
}
