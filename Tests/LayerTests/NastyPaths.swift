// Layers that try to leave their tree by a name, a link or a hard link.

import LayerProtocol

extension NastyLayer {
    static let paths: [NastyLayer] = [
        NastyLayer("a path that begins with ..", .refused(.layerRefused, entry: "../x", "'..'")) {
            tar, _ in tar.add("../x")
        },
        NastyLayer("a path with .. in it", .refused(.layerRefused, entry: "a/../../x", "'..'")) {
            tar, _ in tar.add("a/../../x")
        },
        NastyLayer("a path that ends with ..", .refused(.layerRefused, entry: "a/..", "'..'")) {
            tar, _ in tar.directory("a/..")
        },
        NastyLayer("an absolute path", .tree([directory("abs"), file("abs/x")])) {
            tar, _ in tar.add("/abs/x")
        },
        NastyLayer(
            "blank components and dots",
            .tree([directory("a"), file("a/x"), file("a/y"), file("z")])
        ) { tar, _ in
            tar.directory("./a/")
            tar.add("a//x")
            tar.add("././a/./y")
            tar.add("//./z")
        },
        NastyLayer(
            "through an absolute link",
            .refused(.layerRefused, entry: "l/canary", "a link to nothing")
        ) { tar, outside in
            tar.link("l", to: outside)
            tar.add("l/canary", "changed")
        },
        NastyLayer(
            "through a relative link",
            .refused(.layerRefused, entry: "d/l/canary", "a link to nothing")
        ) { tar, _ in
            tar.directory("d")
            tar.link("d/l", to: "../../../outside")
            tar.add("d/l/canary", "changed")
        },
        NastyLayer(
            "through a chain of links",
            .refused(.layerRefused, entry: "a/b/new", "a link to nothing")
        ) { tar, outside in
            tar.link("c", to: outside)
            tar.link("b", to: "c")
            tar.link("a", to: "/b")
            tar.add("a/b/new")
        },
        NastyLayer("through links in a circle", .refused(.layerRefused, entry: "a/x", "ELOOP")) {
            tar, _ in
            tar.link("a", to: "b")
            tar.link("b", to: "a")
            tar.add("a/x")
        },
        NastyLayer(
            "through links inside of the layer",
            .tree([
                link("a", "d"), link("b", "/d"), directory("d"), file("d/x"), file("d/y"),
            ])
        ) { tar, _ in
            tar.directory("d")
            tar.link("a", to: "d")
            tar.link("b", to: "/d")
            tar.add("a/x")
            tar.add("b/y")
        },
        NastyLayer("a file over a link", .tree([file("l", 7)])) { tar, outside in
            tar.link("l", to: outside + "/canary")
            tar.add("l", "changed")
        },
        NastyLayer("a directory over a link", .tree([directory("l"), file("l/canary", 7)])) {
            tar, outside in
            tar.link("l", to: outside)
            tar.directory("l")
            tar.add("l/canary", "changed")
        },
        NastyLayer(
            "a link over a directory",
            .refused(.layerRefused, entry: "d/canary", "a link to nothing")
        ) { tar, outside in
            tar.directory("d")
            tar.add("d/x")
            tar.link("d", to: outside)
            tar.add("d/canary", "changed")
        },
        NastyLayer(
            "a link over the directory of the last entry",
            .tree([
                link("d", "e"), directory("e"), file("e/y"),
            ])
        ) { tar, _ in
            tar.directory("e")
            tar.directory("d")
            tar.add("d/x")
            tar.link("d", to: "e")
            tar.add("d/y")
        },
        NastyLayer(
            "a link over a link on the way to it",
            .tree([directory("d"), link("d/self", "../e"), directory("e"), file("e/x")])
        ) { tar, _ in
            tar.directory("d")
            tar.directory("e")
            tar.link("d/self", to: ".")
            tar.link("d/self/self", to: "../e")
            tar.add("d/self/x")
        },
        NastyLayer(
            "a file as a parent", .refused(.layerRefused, entry: "a/b", "is a file")
        ) { tar, _ in
            tar.add("a")
            tar.add("a/b")
        },
        NastyLayer(
            "the mode of a link's target", .tree([link("l", "OUTSIDE/canary")])
        ) { tar, outside in
            tar.add("l") { ($0.type, $0.link, $0.mode) = ("2", Array("\(outside)/canary".utf8), 0) }
        },
        NastyLayer(
            "an implied directory beyond a link inside of the layer",
            .tree([directory("d"), directory("d/e"), file("d/e/x"), link("l", "d")])
        ) { tar, _ in
            tar.directory("d")
            tar.link("l", to: "d")
            tar.add("l/e/x")
        },
        NastyLayer("an empty target", .refused(.layerRefused, entry: "l", "ENOENT")) {
            tar, _ in tar.link("l", to: "")
        },
        NastyLayer(
            "a target of more than a path's bytes",
            .refused(.layerRefused, entry: "l", "ENAMETOOLONG")
        ) { tar, _ in
            tar.add("l", pax: [("linkpath", String(repeating: "t", count: 4096))]) {
                $0.type = "2"
            }
        },
    ]

    static let hardLinks: [NastyLayer] = [
        NastyLayer(
            "a hard link to an absolute path",
            .refused(.layerRefused, entry: "h", "what the layer does not have")
        ) { tar, outside in tar.hardLink("h", to: outside + "/canary") },
        NastyLayer("a hard link up", .refused(.layerRefused, entry: "h", "'..'")) {
            tar, _ in tar.hardLink("h", to: "../../outside/canary")
        },
        NastyLayer(
            "a hard link through a link",
            .refused(.layerRefused, entry: "h", "what the layer does not have")
        ) { tar, outside in
            tar.link("l", to: outside)
            tar.hardLink("h", to: "l/canary")
        },
        NastyLayer(
            "a hard link to a link, which is then written",
            .tree([file("h", 7), link("l", "OUTSIDE/canary")])
        ) { tar, outside in
            tar.link("l", to: outside + "/canary")
            tar.hardLink("h", to: "l")
            tar.add("h", "changed")
        },
        NastyLayer(
            "a hard link to a later entry",
            .refused(.layerRefused, entry: "h", "what the layer does not have")
        ) { tar, _ in
            tar.hardLink("h", to: "f")
            tar.add("f")
        },
        NastyLayer(
            "a hard link to a directory",
            .refused(.layerRefused, entry: "h", "what the layer does not have")
        ) { tar, _ in
            tar.directory("d")
            tar.hardLink("h", to: "d")
        },
        NastyLayer("a hard link to itself", .tree([file("f", 4)])) { tar, _ in
            tar.add("f", "data")
            tar.hardLink("./f", to: "f")
        },
        NastyLayer(
            "a hard link to itself that is not there",
            .refused(.layerRefused, entry: "h", "what the layer does not have")
        ) { tar, _ in tar.hardLink("h", to: "h") },
        NastyLayer(
            "a hard link to a whiteout",
            .refused(.layerRefused, entry: "h", "what the layer does not have")
        ) { tar, _ in
            tar.add(".wh.x")
            tar.hardLink("h", to: "x")
        },
        NastyLayer(
            "a hard link over a directory", .tree([file("d", 4), file("f", 4)])
        ) { tar, _ in
            tar.add("f", "data")
            tar.directory("d")
            tar.add("d/x")
            tar.hardLink("d", to: "f")
        },
        NastyLayer(
            "a hard link to the root",
            .refused(.layerRefused, entry: "h", "what the layer does not have")
        ) { tar, _ in tar.hardLink("h", to: "./") },
    ]
}
