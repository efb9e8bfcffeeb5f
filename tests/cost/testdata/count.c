// A TCG plugin for QEMU 7.2 or later in user mode. It counts the instructions
// that the program's first thread executes outside the given ranges, and says
// the count whenever that thread comes to one address, or, if none is given, at
// the program's end. Addresses are decimal:
//
//	-plugin count.so,at=ADDRESS,skip=FROM-TO,skip=... -d plugin
//
// Preloaded into QEMU too, it stops the program's clocks, as what is computed
// with times depends on them.
//
// QEMU's header (include/qemu/qemu-plugin.h, version 1 of the interface) is in
// no Debian package before 13: what is needed of it is declared here. Nothing of
// a C library is used, so that QEMU may run with another one than the compiler's.

#include <stddef.h>
#include <stdint.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;
typedef void executed(unsigned int vcpu, void *data);
typedef void translated(plugin_id, struct qemu_plugin_tb *);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, executed *, int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, executed *, int flags, void *data);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *data);
void qemu_plugin_outs(const char *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

struct timespec {
	long sec, nsec;
};

__attribute__((visibility("default"))) int clock_gettime(int clock, struct timespec *t)
{
	(void)clock;
	t->sec = 1000000000;
	t->nsec = 0;
	return 0;
}

#define RANGES 256

static uint64_t count, address;
static uint64_t from[RANGES], to[RANGES];
static int ranges;

static void block(unsigned int vcpu, void *length)
{
	if (vcpu == 0)
		count += (uintptr_t)length;
}

static void say(void)
{
	char text[32], *p = text + sizeof text;
	uint64_t n = count;

	*--p = 0;
	*--p = '\n';
	do
		*--p = '0' + n % 10;
	while (n /= 10);
	qemu_plugin_outs(p);
}

static void passed(unsigned int vcpu, void *unused)
{
	(void)unused;
	if (vcpu == 0)
		say();
}

static void ended(plugin_id id, void *unused)
{
	(void)id;
	(void)unused;
	say();
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t start = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	int skip = 0;

	(void)id;
	for (int i = 0; i < ranges; i++)
		skip |= start >= from[i] && start < to[i];
	if (!skip)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, block, 0, (void *)n);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		if (qemu_plugin_insn_vaddr(insn) == address)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, passed, 0, NULL);
	}
}

// number reads digits and returns what follows them.
static const char *number(const char *p, uint64_t *n)
{
	for (*n = 0; *p >= '0' && *p <= '9'; p++)
		*n = *n * 10 + (uint64_t)(*p - '0');
	return p;
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		const char *p = argv[i];

		if (p[0] == 'a' && p[1] == 't' && p[2] == '=') {
			number(p + 3, &address);
		} else if (p[0] == 's' && ranges < RANGES) { // skip=FROM-TO
			p = number(p + 5, &from[ranges]);
			number(p + 1, &to[ranges++]);
		} else {
			return -1;
		}
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	if (address == 0)
		qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
