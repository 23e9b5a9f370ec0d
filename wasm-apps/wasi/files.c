// files DIR: makes, changes and removes files in DIR, which has to be empty, and says what it sees
// after each step. It leaves DIR empty again.

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "say.h"

#define MOST_ENTRIES 8

static char text[64];

static long size_of(const char *path) {
    struct stat stat_of;
    return stat(path, &stat_of) < 0 ? -errno : (long)stat_of.st_size;
}

static const char *type_of(unsigned mode) {
    return S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "link" : S_ISREG(mode) ? "file" : "other";
}

// What a file holds from here to its end.
static const char *rest(int fd) {
    ssize_t length = read(fd, text, sizeof text - 1);
    text[length < 0 ? 0 : length] = 0;
    return text;
}

static void write_and_append(void) {
    int fd = open("greeting", O_CREAT | O_EXCL | O_WRONLY, 0666);
    printf("create: wrote %d\n", (int)write(fd, "hello ", 6));
    close(fd);
    printf("create again: %s\n", outcome(open("greeting", O_CREAT | O_EXCL | O_WRONLY, 0666)));
    fd = open("greeting", O_WRONLY | O_APPEND);
    lseek(fd, 0, SEEK_SET);
    printf("append: wrote %d\n", (int)write(fd, "world", 5));
    printf("read what is open for writing: %s\n", outcome(read(fd, text, 1)));
    close(fd);
    printf("size: %ld\n", size_of("greeting"));
}

static void seek_and_truncate(void) {
    int fd = open("greeting", O_RDWR);
    printf("read: %s\n", rest(fd));
    printf("seek to the end less 5: %ld\n", (long)lseek(fd, -5, SEEK_END));
    printf("read there: %s\n", rest(fd));
    printf("seek before the start: %s\n", outcome(lseek(fd, -12, SEEK_CUR)));
    printf("pwrite: %d\n", (int)pwrite(fd, "J", 1, 0));
    printf("pread: %d\n", (int)pread(fd, text, 4, 0));
    printf("still at: %ld\n", (long)lseek(fd, 0, SEEK_CUR));
    printf("truncate to 5: %s\n", outcome(ftruncate(fd, 5)));
    printf("grow to 8: %s, size %ld\n", outcome(ftruncate(fd, 8)), size_of("greeting"));
    lseek(fd, 5, SEEK_SET);
    ssize_t length = read(fd, text, sizeof text);
    printf("what grew: %d bytes, %d %d %d\n", (int)length, text[0], text[1], text[2]);
    close(fd);
}

static void rename_and_link(void) {
    printf("rename: %s\n", outcome(rename("greeting", "renamed")));
    printf("under the old name: %s\n", outcome(open("greeting", O_RDONLY)));
    printf("link: %s\n", outcome(link("renamed", "second")));
    struct stat stat_of;
    stat("second", &stat_of);
    printf("links: %d\n", (int)stat_of.st_nlink);
    printf("symlink: %s\n", outcome(symlink("renamed", "pointer")));
    ssize_t length = readlink("pointer", text, sizeof text);
    text[length < 0 ? 0 : length] = 0;
    printf("readlink: %s\n", text);
    lstat("pointer", &stat_of);
    printf("lstat: %s\n", type_of(stat_of.st_mode));
    printf("stat through it: %ld bytes\n", size_of("pointer"));
    printf("open without following: %s\n", outcome(open("pointer", O_RDONLY | O_NOFOLLOW)));
}

static void set_times(void) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {1000000000, 123456789}};
    printf("utimens: %s\n", outcome(utimensat(AT_FDCWD, "renamed", times, 0)));
    struct stat stat_of;
    stat("pointer", &stat_of);
    printf("mtime: %lld.%09ld\n", (long long)stat_of.st_mtim.tv_sec, stat_of.st_mtim.tv_nsec);
}

static int by_name(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void list(const char *path) {
    char *lines[MOST_ENTRIES];
    int count = 0;
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory != NULL && count < MOST_ENTRIES && (entry = readdir(directory)) != NULL) {
        const char *type = entry->d_type == DT_DIR   ? "directory"
                           : entry->d_type == DT_LNK ? "link"
                           : entry->d_type == DT_REG ? "file"
                                                     : "other";
        asprintf(&lines[count++], "%s %s", entry->d_name, type);
    }
    closedir(directory);
    qsort(lines, count, sizeof *lines, by_name);
    for (int i = 0; i < count; i++) {
        printf("    %s\n", lines[i]);
    }
}

static void directories(void) {
    printf("mkdir: %s\n", outcome(mkdir("inner", 0777)));
    printf("mkdir again: %s\n", outcome(mkdir("inner", 0777)));
    printf("move into it: %s\n", outcome(rename("second", "inner/second")));
    printf("entries:\n");
    list(".");
    printf("rmdir of what is not empty: %s\n", outcome(rmdir("inner")));
    printf("unlink of a directory: %s\n", outcome(unlink("inner")));
    printf("through .. and back: %ld bytes\n", size_of("inner/../inner/./second"));
}

static void clean_up(void) {
    printf("unlink the link below: %s\n", outcome(unlink("inner/second")));
    printf("unlink the symlink: %s\n", outcome(unlink("pointer")));
    printf("unlink the file: %s\n", outcome(unlink("renamed")));
    printf("rmdir: %s\n", outcome(rmdir("inner")));
    printf("left:\n");
    list(".");
}

int main(int argc, char **argv) {
    if (argc != 2 || chdir(argv[1]) < 0) {
        fprintf(stderr, "usage: files DIR, which is open to the program and empty\n");
        return 2;
    }
    write_and_append();
    seek_and_truncate();
    rename_and_link();
    set_times();
    directories();
    clean_up();
    return 0;
}
