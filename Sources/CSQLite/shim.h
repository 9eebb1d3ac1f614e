#include <sqlite3.h>

/* sqlite3_db_config is variadic. Non-zero: closing leaves the log as it is, for a file that must
   not be changed because it cannot be trusted. */
static inline int csqlite_keep_log(sqlite3 *database, int keep) {
  return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, (int *)0);
}
