// Small additions together may not exceed what one request could ask for.

import JSON
import Model
import Testing

@testable import Documents
@testable import Engine

extension Simulated {
    struct Size {
        private func patch(_ prefix: String, values: Int) throws -> PodPatch {
            let text = String(repeating: "x", count: DocumentLimits.noteBytes)
            let members = (0..<values).map {
                JSONMember(name: "\(prefix)\($0)", value: .string(text))
            }
            return try patch(annotations: .object(members))
        }

        private func patch(annotations: JSONValue) throws -> PodPatch {
            try PodPatch.decode(.object([JSONMember(name: "annotations", value: annotations)]))
        }

        private func bytes(_ stage: Stage, _ name: String) -> Int {
            stage.engine.pod(label(name))?.specBytes ?? 0
        }

        private func isTooLarge(_ answer: Stage.Answer) -> Bool {
            if case .refused(.documentTooLarge) = answer { true } else { false }
        }

        @Test("patches that each fit are refused if the pod would exceed the limit of a PUT")
        func patches() throws {
            let stage = try Stage()
            _ = try stage.makePod("web")
            func ask(_ patch: PodPatch) -> Stage.Answer {
                stage.ask { () throws(Refusal) in
                    try stage.engine.patchPod(label("web"), patch, stage.context())
                }
            }
            #expect(try ask(patch("a", values: 15)).refusal == nil)
            let before = bytes(stage, "web")
            #expect(before > 15 * DocumentLimits.noteBytes)
            for prefix in ["b", "c", "d"] {
                #expect(try isTooLarge(ask(patch(prefix, values: 15))))
            }
            #expect(bytes(stage, "web") == before)
            #expect(try ask(patch(annotations: .null)).refusal == nil)
            #expect(try ask(patch("b", values: 15)).refusal == nil)
        }

        @Test("neither added tasks nor a PUT's defaults make a pod larger than the limit")
        func tasks() throws {
            let stage = try Stage()
            _ = try stage.makePod("web")
            func task(_ name: String, _ bytes: Int) -> TaskSpec {
                let word = String(repeating: "x", count: bytes)
                return TaskSpec(name: label(name), rootfs: "/rootfs", args: ["x", word])
            }
            func add(_ name: String) -> Stage.Answer {
                stage.ask { () throws(Refusal) in
                    try stage.engine.createTask(label("web"), task(name, 600_000), stage.context())
                }
            }
            #expect(add("one").operation != nil)
            #expect(isTooLarge(add("two")))
            #expect(stage.engine.pod(label("web"))?.tasks.count == 1)
            func create(_ bytes: Int) -> Stage.Answer {
                let spec = PodSpec(hostname: "big", tasks: [task("app", bytes)])
                return stage.ask { () throws(Refusal) in
                    try stage.engine.createPod(label("big"), spec, stage.context())
                }
            }
            #expect(isTooLarge(create(DocumentLimits.bytes - 200)))
            #expect(stage.engine.pod(label("big")) == nil)
            #expect(create(DocumentLimits.bytes - 2000).operation != nil)
        }
    }
}
