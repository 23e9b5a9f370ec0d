// refused: tries what a sandbox has to refuse, in the directory that it holds as descriptor 3, and
// says how each attempt went. It calls WASI itself, because the C library would refuse some of it
// on its own.
//
// It wants to find there a file `file`, a directory `inner`, and a link `out` to somewhere outside.

#include <stdint.h>
#include <string.h>
#include <wasi/api.h>

#include "say.h"

#define DIRECTORY 3
#define FOLLOW __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW

static __wasi_fdstat_t granted;

static __wasi_errno_t open_as(const char *path, __wasi_oflags_t how, __wasi_rights_t rights) {
    __wasi_fd_t fd;
    __wasi_rights_t inheriting = granted.fs_rights_inheriting & rights;
    __wasi_errno_t answer =
        __wasi_path_open(DIRECTORY, FOLLOW, path, how, rights, inheriting, 0, &fd);
    return answer != 0 ? answer : __wasi_fd_close(fd);
}

static void say(const char *attempt, __wasi_errno_t answer) {
    printf("%s: %s\n", attempt, errno_name(answer));
}

static void leave(void) {
    __wasi_filestat_t stat_of;
    __wasi_rights_t read = __WASI_RIGHTS_FD_READ;
    say("read file", open_as("file", 0, read));
    say("read /file", open_as("/file", 0, read));
    say("read ../file", open_as("../file", 0, read));
    say("read inner/../../file", open_as("inner/../../file", 0, read));
    say("read inner/../file", open_as("inner/../file", 0, read));
    say("read through out", open_as("out", 0, read));
    say("read below out", open_as("out/file", 0, read));
    say("stat through out", __wasi_path_filestat_get(DIRECTORY, FOLLOW, "out", &stat_of));
    say("stat of ..", __wasi_path_filestat_get(DIRECTORY, FOLLOW, "..", &stat_of));
    say("mkdir ../made", __wasi_path_create_directory(DIRECTORY, "../made"));
    say("rename to ../moved", __wasi_path_rename(DIRECTORY, "file", DIRECTORY, "../moved"));
    say("symlink to an absolute path", __wasi_path_symlink("/etc", DIRECTORY, "absolute"));
    say("descriptor 4", __wasi_fd_close(4));
}

static void change(void) {
    __wasi_rights_t write = __WASI_RIGHTS_FD_WRITE;
    say("create made", open_as("made", __WASI_OFLAGS_CREAT, write));
    say("write file", open_as("file", 0, write));
    say("truncate file", open_as("file", __WASI_OFLAGS_TRUNC, write));
    say("touch file", __wasi_path_filestat_set_times(DIRECTORY, 0, "file", 0, 1,
                                                     __WASI_FSTFLAGS_MTIM));
    say("link file", __wasi_path_link(DIRECTORY, 0, "file", DIRECTORY, "linked"));
    say("symlink", __wasi_path_symlink("file", DIRECTORY, "pointer"));
    say("mkdir", __wasi_path_create_directory(DIRECTORY, "directory"));
    say("rename", __wasi_path_rename(DIRECTORY, "inner", DIRECTORY, "renamed"));
    say("rmdir", __wasi_path_remove_directory(DIRECTORY, "renamed"));
    say("unlink", __wasi_path_unlink_file(DIRECTORY, "file"));
}

int main(int argc, char **argv) {
    __wasi_errno_t answer = __wasi_fd_fdstat_get(DIRECTORY, &granted);
    if (answer != 0) {
        fprintf(stderr, "refused: descriptor %d: %s\n", DIRECTORY, errno_name(answer));
        return 2;
    }
    leave();
    if (argc == 2 && strcmp(argv[1], "change") == 0) {
        change();
    }
    return 0;
}
