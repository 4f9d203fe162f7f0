/* Records what a program writes to the files in one folder, so that a loss of power can be simulated afterwards.
 *
 * Preload it: LD_PRELOAD=powerloss.so POWERLOSS_FOLDER=/a/folder POWERLOSS_LOG=/elsewhere/log PROGRAM.
 * With POWERLOSS_BOOT=FILE, the program reads that file for its boot id.
 * With POWERLOSS_FAIL=FILE, each call asks that file what fails: "sync" or "space", or nothing if it is empty.
 *
 * Each record of the log: operation u8, length of the path u8, 2 bytes, length of the data u32, offset u64, path, data; the
 * numbers are those of this machine. Operations: W write, T truncate, B a sync begins, S it has ended, U unlink. A write is
 * recorded after it has happened, so a sync is known to cover a write that is recorded before B.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

struct header {
    uint8_t operation, path_length;
    uint16_t unused;
    uint32_t length;
    uint64_t offset;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;

static int is_recorded(const char *path) {
    const char *folder = getenv("POWERLOSS_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    /* The index of a WAL is in memory that no sync covers, and a lock is not data. */
    const char *end = path + strlen(path);
    return length && !strncmp(path, folder, length) && path[length] == '/' && strcmp(end - 4, "-shm") && strcmp(end - 5, "-lock");
}

/* The path of an open file, if it is recorded. */
static int path_of(int file, char path[256]) {
    char link[64];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, 255);
    errno = saved;
    if (length <= 0) return 0;
    path[length] = 0;
    return is_recorded(path);
}

static void record(char operation, const char *path, uint64_t offset, const void *data, size_t length) {
    int saved = errno;
    struct header header = {(uint8_t)operation, (uint8_t)strlen(path), 0, (uint32_t)length, offset};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)path, header.path_length}, {(void *)data, length}};
    pthread_mutex_lock(&lock);
    if (log_file < 0) {
        REAL(int, "open64", const char *, int, ...);
        log_file = real(getenv("POWERLOSS_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (writev(log_file, parts, 3) < 0) abort();
    pthread_mutex_unlock(&lock);
    errno = saved;
}

static int fails(const char *what) {
    const char *path = getenv("POWERLOSS_FAIL");
    char text[16] = "";
    if (!path) return 0;
    REAL(int, "open64", const char *, int, ...);
    int saved = errno, file = real(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
        close(file);
    }
    errno = saved;
    return !strncmp(text, what, strlen(what));
}

static ssize_t written(int file, const void *data, off64_t offset, ssize_t count) {
    char path[256];
    if (count > 0 && path_of(file, path)) record('W', path, (uint64_t)offset, data, (size_t)count);
    return count;
}

static int is_full(int file) {
    char path[256];
    if (!path_of(file, path) || !fails("space")) return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    if (is_full(file)) return -1;
    return written(file, data, offset, real(file, data, length, offset));
}

ssize_t pwrite(int file, const void *data, size_t length, off_t offset) {
    return pwrite64(file, data, length, offset);
}

ssize_t write(int file, const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char path[256];
    if (file < 3 || !path_of(file, path)) return real(file, data, length);
    if (is_full(file)) return -1;
    ssize_t count = real(file, data, length);
    return count > 0 ? written(file, data, lseek64(file, 0, SEEK_CUR) - count, count) : count;
}

static int truncated(int file, uint64_t length, int result) {
    char path[256];
    if (!result && path_of(file, path)) record('T', path, length, "", 0);
    return result;
}

int ftruncate64(int file, off64_t length) {
    REAL(int, "ftruncate64", int, off64_t);
    return truncated(file, (uint64_t)length, real(file, length));
}

int ftruncate(int file, off_t length) {
    return ftruncate64(file, length);
}

static int synced(int file, const char *name) {
    int (*real)(int);
    char path[256];
    *(void **)&real = dlsym(RTLD_NEXT, name);
    if (!path_of(file, path)) return real(file);
    if (fails("sync")) {
        errno = EIO;
        return -1;
    }
    record('B', path, 0, "", 0);
    int result = real(file);
    if (!result) record('S', path, 0, "", 0);
    return result;
}

int fsync(int file) {
    return synced(file, "fsync");
}

int fdatasync(int file) {
    return synced(file, "fdatasync");
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    int result = real(path);
    if (!result && is_recorded(path)) record('U', path, 0, "", 0);
    return result;
}

static const char *told(const char *path) {
    const char *boot = getenv("POWERLOSS_BOOT");
    return boot && !strcmp(path, "/proc/sys/kernel/random/boot_id") ? boot : path;
}

int open64(const char *path, int flags, ...) {
    REAL(int, "open64", const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return real(told(path), flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open64(path, flags, mode);
}
