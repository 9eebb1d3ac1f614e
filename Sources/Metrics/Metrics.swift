// Every metric of the daemon: names, help texts and labels.
//
// Units are base units (seconds, bytes); names of counters end in `_total`. Label values come from
// enums and route patterns, never from a client's text. Each family still bounds its series.

package final class Metrics: Sendable {
    // MARK: Operations

    package let operationsStarted = Counter(
        "staunch_operations_started_total", "Operations accepted, by kind.", labels: ["kind"])
    package let operationsEnded = Counter(
        "staunch_operations_ended_total", "Operations ended, by kind and outcome.",
        labels: ["kind", "outcome"])
    package let operationsRunning = Gauge(
        "staunch_operations_running",
        "Operations that have not ended, by kind and current step.",
        labels: ["kind", "step"])
    package let operationsStalled = Gauge(
        "staunch_operations_stalled",
        "Operations that have made no progress for 5 s, by kind and step.",
        labels: ["kind", "step"])
    package let oldestOperation = Gauge(
        "staunch_operations_oldest_start_timestamp_seconds",
        "Accept time of the oldest open operation, in seconds since 1970; 0 if none is open.")
    package let stepRetries = Counter(
        "staunch_step_retries_total",
        "Attempts of a step after which its object still existed, by step and errno.",
        labels: ["step", "errno"])
    package let stepsAbandoned = Counter(
        "staunch_steps_abandoned_total",
        "Steps that ended because an operator gave them up, by step.", labels: ["step"])
    package let stepDuration = Histogram(
        "staunch_step_duration_seconds",
        "Time from the first attempt of an operation's step to its end, by step.",
        labels: ["step"])

    package let stagesRunning = Gauge(
        "staunch_stages_running",
        "Running stages of creates and starts (shim start, mount, runtime), except overdue ones.")
    package let stagesWaiting = Gauge(
        "staunch_stages_waiting", "Stages of creates and starts that wait for a free place.")
    package let stagesOverdue = Counter(
        "staunch_stages_overdue_total",
        "Stages that took longer than 3 s, so that other stages passed them.")

    // MARK: HTTP

    package let httpRequests = Counter(
        "staunch_http_requests_total", "Requests answered, by method, route and status.",
        labels: ["method", "route", "status"], atMost: 1024)
    package let httpDuration = Histogram(
        "staunch_http_request_duration_seconds",
        "Time from a request's last byte to its answer, waits included, by route.",
        labels: ["route"])

    package let httpGaveWay = Counter(
        "staunch_http_connections_evicted_total",
        "Connections closed at the limit of connections, to make room for new clients.")

    // MARK: Pods and tasks

    package let pods = Gauge("staunch_pods", "Pods, by state.", labels: ["state"])
    package let podsStalled = Gauge(
        "staunch_pods_stalled", "Pods whose shim does not answer, or is stopped.")
    package let tasks = Gauge("staunch_tasks", "Tasks, by state.", labels: ["state"])
    package let tasksUnhealthy = Gauge(
        "staunch_tasks_unhealthy", "Tasks that run although their health checks have failed.")
    package let podsAdopted = Counter(
        "staunch_pods_adopted_total", "Pods that the daemon found alive when it started.")

    // MARK: The audit

    package let resourcesRecorded = Gauge(
        "staunch_resources_recorded", "Resources that a record names, by kind.", labels: ["kind"])
    package let resourcesObserved = Gauge(
        "staunch_resources_observed", "Resources that the kernel shows, by kind.", labels: ["kind"])
    package let resourcesUnrecorded = Gauge(
        "staunch_resources_unrecorded",
        "Resources that the kernel shows but no record names, by kind: leaks.", labels: ["kind"])
    package let resourcesMissing = Gauge(
        "staunch_resources_missing",
        "Resources that a record names but the kernel does not show, by kind.", labels: ["kind"])
    package let orphansRemoved = Counter(
        "staunch_orphans_removed_total",
        "Orphans (resources without a record) that were removed, by kind.", labels: ["kind"])
    package let auditTime = Gauge(
        "staunch_audit_timestamp_seconds", "Time of the last audit, in seconds since 1970.")

    // MARK: The store

    package let storeCommits = Counter(
        "staunch_store_commits_total", "Transactions that the store has committed.")
    package let storeFailures = Counter(
        "staunch_store_failures_total", "Transactions that the store refused, by cause.",
        labels: ["cause"])

    package let storeDamaged = Gauge(
        "staunch_store_damaged",
        "1 if the store, or a record in it, could not be read at the start.")

    // MARK: The daemon

    package let seccompProfile = Gauge(
        "staunch_seccomp_profile_info",
        "1, with the source of the tasks' seccomp profile: builtin, file, or none for no filter.",
        labels: ["source"])
    package let dataDirectoryUsable = Gauge(
        "staunch_data_directory_usable",
        "0 if no task can be created, because no overlay can have its layers there, else 1.")
    package let runtimeAvailable = Gauge(
        "staunch_runtime_available",
        "1 if the part can be used, by part: the shim's program, the seccomp profile, each "
            + "runtime by its name. The daemon refuses creates that need a part which is 0.",
        labels: ["part", "runtime"])
    package let buildInfo = Gauge(
        "staunch_build_info", "1, with the build as labels.", labels: ["version", "build"])
    package let residentMemory = Gauge(
        "process_resident_memory_bytes", "Resident memory of the daemon.")
    package let cpuTime = Counter(
        "process_cpu_seconds_total", "CPU time of the daemon, user and system.")
    package let openDescriptors = Gauge("process_open_fds", "Open file descriptors of the daemon.")
    package let startTime = Gauge(
        "process_start_time_seconds", "Start time of the daemon, in seconds since 1970.")

    package init() {}

    /// All metrics, in the order above; a test compares this list with the properties.
    package var all: [any Metric] {
        [
            operationsStarted, operationsEnded, operationsRunning, operationsStalled,
            oldestOperation, stepRetries, stepsAbandoned, stepDuration, stagesRunning,
            stagesWaiting, stagesOverdue, httpRequests, httpDuration, httpGaveWay, pods,
            podsStalled, tasks, tasksUnhealthy, podsAdopted, resourcesRecorded, resourcesObserved,
            resourcesUnrecorded, resourcesMissing, orphansRemoved, auditTime, storeCommits,
            storeFailures, storeDamaged, seccompProfile, dataDirectoryUsable, runtimeAvailable,
            buildInfo, residentMemory, cpuTime, openDescriptors, startTime,
        ]
    }

    /// The text format 0.0.4 (Content-Type `text/plain; version=0.0.4; charset=utf-8`).
    package func render() -> [UInt8] {
        var text = Exposition()
        for metric in all { metric.render(into: &text) }
        return text.bytes
    }
}
