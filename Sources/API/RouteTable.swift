// The table of all routes: the same as in openapi/staunch.json, which a test checks.

package let routes: [Route] =
    serverRoutes + podRoutes + taskRoutes + networkRoutes + operationRoutes + eventRoutes
    + auditRoutes + logRoutes + execRoutes + forwardRoutes
    + statisticsRoutes + healthRoutes + podMetricsRoutes
