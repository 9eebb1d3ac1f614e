#include <curl/curl.h>

/* curl_easy_setopt(3) and curl_easy_getinfo(3) are variadic, and macros as well. Plain wrappers,
   one for each type of argument; each returns what curl returned. */
static inline CURLcode ccurl_set_number(CURL *handle, CURLoption option, long value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, const void *value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_writer(
    CURL *handle, CURLoption option, size_t (*writer)(char *, size_t, size_t, void *)) {
    return (curl_easy_setopt)(handle, option, writer);
}

static inline CURLcode ccurl_set_observer(
    CURL *handle,
    int (*observer)(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t)) {
    return (curl_easy_setopt)(handle, CURLOPT_XFERINFOFUNCTION, observer);
}

/* The status of the last answer; 0 if there was none. */
static inline long ccurl_status(CURL *handle) {
    long status = 0;
    (curl_easy_getinfo)(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* Once in a process, before any thread uses curl. */
static inline CURLcode ccurl_start(void) { return curl_global_init(CURL_GLOBAL_ALL); }
