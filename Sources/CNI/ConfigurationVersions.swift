// The versions of the specification that a configuration permits.

import JSON

extension ConfigurationReader {
    /// The known versions of `cniVersion` and `cniVersions`, in ascending order. A newer version
    /// beside a known one is no fault, because `cniVersions` exists for such configurations.
    mutating func versions(_ source: JSONSource) -> [CNIVersion] {
        let count = faults.count
        var places: [JSONSource] = []
        if let single = source["cniVersion"] { places.append(single) }
        if let list = source["cniVersions"] { places += elements(list) }
        let texts = places.compactMap { string($0) }
        guard faults.count == count else { return [] }
        guard !places.isEmpty else {
            fault(source, "'cniVersion' is missing, which means CNI 0.1.0: older than 0.3.0")
            return []
        }
        let known = texts.compactMap(CNIVersion.init).filter(\.isKnown)
        if known.isEmpty {
            for (place, text) in zip(places, texts) {
                fault(place, CNIVersion.refusal(of: text) ?? "")
            }
        }
        return Set(known).sorted()
    }

    private mutating func elements(_ list: JSONSource) -> [JSONSource] {
        if list.value.elements == nil {
            fault(list, "an array is expected, and this is \(list.value.kindName)")
        }
        return list.elements
    }

    private mutating func string(_ source: JSONSource) -> String? {
        if let text = source.value.string { return text }
        fault(source, "a string is expected, and this is \(source.value.kindName)")
        return nil
    }
}
