//  How much a pod asks for, in bytes.

import JSON
package import Model

extension Pod {
    /// Bytes of the body with which a client would ask for this pod and the tasks that it has now,
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
