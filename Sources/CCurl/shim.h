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

/* curl copies the bytes. */
static inline CURLcode ccurl_set_blob(
    CURL *handle, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
    return (curl_easy_setopt)(handle, option, &blob);
}

/* Where the last answer redirects to, as an absolute URL; NULL if it does not. */
static inline const char *ccurl_redirect_url(CURL *handle) {
    char *url = NULL;
    (curl_easy_getinfo)(handle, CURLINFO_REDIRECT_URL, &url);
    return url;
}

/* Retry-After of the last answer in seconds, if it has a number or a date; otherwise 0. */
static inline long ccurl_retry_after(CURL *handle) {
    curl_off_t seconds = 0;
    (curl_easy_getinfo)(handle, CURLINFO_RETRY_AFTER, &seconds);
    return (long)seconds;
}

/* The result of a finished transfer, which is in a union. */
static inline CURLcode ccurl_message_result(const CURLMsg *message) {
    return message->data.result;
}

static inline CURLMcode ccurl_set_multi(CURLM *multi, CURLMoption option, long value) {
    return (curl_multi_setopt)(multi, option, value);
}

/* The status of the last answer; 0 if there was none. */
static inline long ccurl_status(CURL *handle) {
    long status = 0;
    (curl_easy_getinfo)(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* Once in a process, before any thread uses curl. */
static inline CURLcode ccurl_start(void) { return curl_global_init(CURL_GLOBAL_ALL); }
