// What the guests have in common: saying how a call went, by the names that errno.h has.

#ifndef SAY_H
#define SAY_H

#include <errno.h>
#include <stdio.h>

static const char *errno_name(int number) {
    static const struct {
        int number;
        const char *name;
    } names[] = {
        {0, "ok"},
        {EACCES, "EACCES"}, {EBADF, "EBADF"}, {EEXIST, "EEXIST"}, {EFAULT, "EFAULT"},
        {EINVAL, "EINVAL"}, {EISDIR, "EISDIR"}, {ELOOP, "ELOOP"}, {EMFILE, "EMFILE"},
        {ENOENT, "ENOENT"}, {ENOSPC, "ENOSPC"}, {ENOSYS, "ENOSYS"}, {ENOTCAPABLE, "ENOTCAPABLE"},
        {ENOTDIR, "ENOTDIR"}, {ENOTEMPTY, "ENOTEMPTY"}, {ENOTSOCK, "ENOTSOCK"},
        {ENOTSUP, "ENOTSUP"}, {EPERM, "EPERM"}, {EROFS, "EROFS"}, {ESPIPE, "ESPIPE"},
        {EXDEV, "EXDEV"},
    };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].number == number) {
            return names[i].name;
        }
    }
    return "another errno";
}

// Of a call of the C library, which answers -1 and puts the reason into errno.
static inline const char *outcome(long answer) {
    return answer < 0 ? errno_name(errno) : "ok";
}

#endif
