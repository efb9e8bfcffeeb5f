/* A TCG plugin for QEMU 7.2 or later: how many instructions the machine has
 * executed, in a file that others may read at any time, as two 64-bit numbers of
 * this PC's byte order: at the addresses of programs, and at those of the kernel.
 *
 *	-plugin instructions.so,counts=PATH
 *
 * QEMU's header (include/qemu/qemu-plugin.h, version 1 of the interface) is in
 * no Debian package before 13: what is needed of it is declared here. */

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned int, void *), int flags, void *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static volatile uint64_t *counts; /* one processor writes them */

static void in_program(unsigned int cpu, void *n)
{
	(void)cpu;
	counts[0] += (uintptr_t)n;
}

static void in_kernel(unsigned int cpu, void *n)
{
	(void)cpu;
	counts[1] += (uintptr_t)n;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, address >> 63 ? in_kernel : in_program, 0, (void *)n);
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	int file;

	(void)info;
	if (argc != 1 || strncmp(argv[0], "counts=", 7) != 0)
		return -1;
	file = open(argv[0] + 7, O_RDWR);
	if (file < 0)
		return -1;
	counts = mmap(NULL, 2 * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (counts == MAP_FAILED)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
