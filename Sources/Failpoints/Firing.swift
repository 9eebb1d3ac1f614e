// The actions of a failpoint in a test build.

#if STAUNCH_FAILPOINTS
    import Glibc

    @usableFromInline
    package enum Failpoints {
        /// Called before an effect; `true` if it must fail, with errno set.
        @usableFromInline
        package static func comes(to name: StaticString, _ faults: Faults) -> Bool {
            guard let plan = Plan.shared else { return false }
            if Action(rawValue: plan[.action]) == .fail { return fails(name, faults) }
            come(to: name, "before", plan)
            return false
        }

        /// Called after an effect.
        @usableFromInline
        package static func comes(from name: StaticString) {
            guard let plan = Plan.shared, Action(rawValue: plan[.action]) != .fail else { return }
            let number = errno
            come(to: name, "after", plan)
            errno = number
        }

        /// Called at a call that the plan may fail; `true` if it must fail, with errno set.
        @usableFromInline
        package static func fails(_ name: StaticString, _ faults: Faults) -> Bool {
            guard let plan = Plan.shared, Action(rawValue: plan[.action]) == .fail else {
                return false
            }
            let number = plan[.number]
            guard faults.rawValue & (1 << number) != 0, plan.isMeant() else { return false }
            plan.tell(name, "fails")
            errno = CInt(number)
            return true
        }

        /// `STAUNCH_FAILPOINTS=…`, if it is set.
        @usableFromInline
        package static var environment: [String] {
            guard let directory = unsafe getenv("STAUNCH_FAILPOINTS") else { return [] }
            let text = unsafe String(cString: directory)
            return ["STAUNCH_FAILPOINTS=" + text]
        }

        private static func come(to name: StaticString, _ moment: String, _ plan: Plan) {
            let action = Action(rawValue: plan[.action])
            if action == .freeze, plan[.armed] != 0, plan[.fired] != 0 { plan.waitForRelease() }
            guard plan.isMeant() else { return }
            plan.tell(name, moment)
            switch action {
            case .kill:
                kill(getpid(), SIGKILL)
                while true { pause() }
            case .stall, .freeze: plan.waitForRelease()
            case .fail, nil: break
            }
        }
    }
#endif
