/* See confine.h. Kernel interfaces: prctl(2), seccomp(2), setrlimit(2). */
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    NOBODY = 65534,
    MORE_MEMORY = 24 << 20, /* bytes beside what is loaded: rms takes 22 for a sentence of 1,000 letters */
};

#if defined __riscv && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)
#define IF_NOT(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define ALLOW(number) IF_NOT(number, 1), ANSWER(SECCOMP_RET_ALLOW)

static struct sock_filter filter[] = {
    LOAD(arch), IF_NOT(ARCHITECTURE, 1), BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), ANSWER(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    /* pipes */
    ALLOW(__NR_read), ALLOW(__NR_write), ALLOW(__NR_readv), ALLOW(__NR_writev),
    /* memory */
    ALLOW(__NR_brk), ALLOW(__NR_mmap), ALLOW(__NR_munmap), ALLOW(__NR_mremap), ALLOW(__NR_madvise), ALLOW(__NR_mprotect),
    /* time, and threads of the library */
    ALLOW(__NR_clock_gettime), ALLOW(__NR_clock_nanosleep), ALLOW(__NR_futex), ALLOW(__NR_sched_yield), ALLOW(__NR_setpriority),
    /* files that the library reads: a dictionary of espeak-ng. Below: for reading only */
    ALLOW(__NR_close), ALLOW(__NR_lseek), ALLOW(__NR_fstat), ALLOW(__NR_newfstatat), ALLOW(__NR_faccessat),
    /* the end */
    ALLOW(__NR_exit), ALLOW(__NR_exit_group), ALLOW(__NR_rt_sigreturn), ALLOW(__NR_rt_sigprocmask), ALLOW(__NR_rt_sigaction),
    ALLOW(__NR_getpid), ALLOW(__NR_gettid), ALLOW(__NR_tgkill), ALLOW(__NR_restart_syscall),
    IF_NOT(__NR_openat, 3), LOAD(args[2]), /* its flags: O_RDONLY, O_CLOEXEC or O_LARGEFILE alone */
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, ~(unsigned)(02000000 | 0100000), 1, 0), ANSWER(SECCOMP_RET_ALLOW),
    ANSWER(SECCOMP_RET_ERRNO | EPERM),
};
#endif

/* What data this process has, in bytes; 0 if nobody says. */
static unsigned long data_size(void) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

const char *confine(void) {
    unsigned long data = data_size();
    if (data > 0) {
        struct rlimit most = {data + MORE_MEMORY, data + MORE_MEMORY};
        if (setrlimit(RLIMIT_DATA, &most) != 0)
            return "the memory cannot be limited";
    }
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return "core dumps cannot be forbidden";
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0))
        return "the rights of root cannot be given up";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return "new privileges cannot be forbidden";
#ifdef ARCHITECTURE
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    /* Not every kernel has it, and no user emulator; all the rest holds there. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0 && errno != EINVAL)
        return "system calls cannot be forbidden";
#endif
    return NULL;
}
