//  The size of a pod's spec in bytes.

import JSON
package import Model

extension Pod {
    /// The size of the body with which a client would create this pod and its present tasks, with
    /// every default written out.
    package var specBytes: Int {
        var writer = JSONWriter()
        writer.beginObject()
        spec.writeMembers(to: &writer)
        writer.key("tasks")
        writer.beginObject()
        for task in tasks {
            writer.key(task.spec.name.text)
            writer.beginObject()
            task.spec.writeMembers(to: &writer)
            writer.endObject()
        }
        writer.endObject()
        writer.endObject()
        return writer.count
    }
}
