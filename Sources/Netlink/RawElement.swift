// Elements as the attributes of netlink messages.

import Bytes

/// An element as the kernel has it.
struct RawElement: Hashable, Sendable {
    var key: [UInt8]
    /// The last key of an interval of several fields.
    var keyEnd: [UInt8]?
    var data: [UInt8]?
    /// Whether `key` is the first one after an interval.
    var isEnd = false
    var comment: String?

    func write(to list: inout AttributeWriter, isKeyOnly: Bool) {
        list.nest(ElementAttribute.listed) {
            if isEnd { $0.put(ElementAttribute.flags, network: ElementAttribute.isEnd) }
            $0.value(ElementAttribute.key, key)
            if let keyEnd { $0.value(ElementAttribute.keyEnd, keyEnd) }
            if isKeyOnly { return }
            if let data { $0.value(ElementAttribute.data, data) }
            guard let comment else { return }
            let text = Array(comment.utf8) + [0]
            // NFTNL_UDATA_SET_ELEM_COMMENT is 0.
            $0.put(ElementAttribute.userData, [0, UInt8(text.count)] + text)
        }
    }

    /// `nil` without a key.
    init?(_ attributes: Attributes) {
        guard let key = attributes.nested(ElementAttribute.key)[ElementAttribute.value] else {
            return nil
        }
        self.key = Array(key)
        keyEnd = attributes.nested(ElementAttribute.keyEnd)[ElementAttribute.value].map(Array.init)
        data = attributes.nested(ElementAttribute.data)[ElementAttribute.value].map(Array.init)
        let flags = attributes[ElementAttribute.flags]?.network(UInt32.self) ?? 0
        isEnd = flags & ElementAttribute.isEnd != 0
        comment = attributes[ElementAttribute.userData].flatMap(RawElement.comment)
    }

    init(_ key: [UInt8], end: [UInt8]? = nil, data: [UInt8]? = nil, comment: String? = nil) {
        (self.key, keyEnd, self.data, self.comment) = (key, end, data, comment)
    }

    /// The comment in user data, which is a list of type, length and value, of one byte each.
    private static func comment(_ userData: ArraySlice<UInt8>) -> String? {
        var rest = userData
        while let type = rest.first, let length = rest.dropFirst().first {
            let value = rest.dropFirst(2).prefix(Int(length))
            if type == 0 { return value.text }
            rest = rest.dropFirst(2 + Int(length))
        }
        return nil
    }
}

extension AttributeWriter {
    fileprivate mutating func value(_ type: UInt16, _ bytes: [UInt8]) {
        nest(type) { $0.put(ElementAttribute.value, bytes) }
    }
}
