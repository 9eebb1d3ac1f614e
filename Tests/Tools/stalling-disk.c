// A disk that stops answering. It is one file, `disk`, whose reads and writes go to a backing file
// and wait as long as a flag file exists. A loop device on it is a disk to the kernel, and every
// process that waits for it is in state D.
//
//   stalling-disk BACKING FLAG MOUNTPOINT
//
// It stays in the foreground, and ends when its mount does. If it is killed, everything that waits
// fails.

#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int backing;
static const char *flag;

static void wait_while_stalled(void) {
    while (access(flag, F_OK) == 0) usleep(5000);
}

static int is_disk(const char *path) { return strcmp(path, "/disk") == 0; }

static int get_attributes(const char *path, struct stat *out, struct fuse_file_info *file) {
    (void)file;
    memset(out, 0, sizeof *out);
    if (strcmp(path, "/") == 0) {
        out->st_mode = S_IFDIR | 0700;
        out->st_nlink = 2;
        return 0;
    }
    if (!is_disk(path)) return -ENOENT;
    struct stat real;
    if (fstat(backing, &real) < 0) return -errno;
    out->st_mode = S_IFREG | 0600;
    out->st_nlink = 1;
    out->st_size = real.st_size;
    return 0;
}

static int open_disk(const char *path, struct fuse_file_info *file) {
    if (!is_disk(path)) return -ENOENT;
    // Bypasses the page cache, because every read and write must come through here.
    file->direct_io = 1;
    return 0;
}

static int read_disk(
    const char *path, char *bytes, size_t size, off_t at, struct fuse_file_info *file) {
    (void)path;
    (void)file;
    wait_while_stalled();
    ssize_t count = pread(backing, bytes, size, at);
    return count < 0 ? -errno : (int)count;
}

static int write_disk(
    const char *path, const char *bytes, size_t size, off_t at, struct fuse_file_info *file) {
    (void)path;
    (void)file;
    wait_while_stalled();
    ssize_t count = pwrite(backing, bytes, size, at);
    return count < 0 ? -errno : (int)count;
}

static int flush_disk(const char *path, int dataOnly, struct fuse_file_info *file) {
    (void)path;
    (void)dataOnly;
    (void)file;
    wait_while_stalled();
    return 0;
}

static const struct fuse_operations operations = {
    .getattr = get_attributes,
    .open = open_disk,
    .read = read_disk,
    .write = write_disk,
    .fsync = flush_disk,
};

int main(int count, char **words) {
    if (count != 4) {
        fprintf(stderr, "usage: stalling-disk BACKING FLAG MOUNTPOINT\n");
        return 2;
    }
    backing = open(words[1], O_RDWR | O_CLOEXEC);
    if (backing < 0) {
        perror(words[1]);
        return 1;
    }
    flag = words[2];
    char *arguments[] = {words[0], "-f", "-s", "-odefault_permissions", words[3], NULL};
    return fuse_main(5, arguments, &operations, NULL);
}
