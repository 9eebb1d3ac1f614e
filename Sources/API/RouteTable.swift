// The table of everything that can be asked: the same as openapi/staunch.json, which a test checks.

package let routes: [Route] =
    serverRoutes + podRoutes + taskRoutes + operationRoutes + eventRoutes + auditRoutes
    + healthRoutes
