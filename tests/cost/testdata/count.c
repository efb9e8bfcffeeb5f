// A TCG plugin for QEMU 7.2 or later in user mode. It counts the instructions
// that the program's first thread executes outside the given ranges, and says
// the count whenever that thread comes to one address, or, if none is given, at
// the program's end. Addresses are decimal:
//
//	-plugin count.so,at=ADDRESS,skip=FROM-TO,skip=... -d plugin
//
// With the argument memory=on it says three numbers: instructions, cycles and
// bytes filled into the cache, by this model of the board's C906 (the sources of its
// figures are in board/milkv-duo/engines.toml):
//
//   - one instruction after the other, nothing overlaps: a scalar one takes a cycle,
//     a vector one two for each 128-bit register that it works on, whatever vl is, a
//     floating-point reduction six and twice that; setting vtype takes none.
//   - a data cache of 64 KB, four ways, lines of 64 bytes, the oldest is replaced. A
//     line that is written is filled first; writing back is not counted.
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
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
unsigned int qemu_plugin_mem_size_shift(uint32_t);
typedef void accessed(unsigned int vcpu, uint32_t how, uint64_t address, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, accessed *, int flags, int readwrite, void *data);

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

// The model of the board.

#define WAYS 4
#define SETS (65536 / 64 / WAYS)

static int model;
static uint64_t cycles, fills;
static uint64_t line[SETS][WAYS]; // the line's number and one, the newest first

static void touch(uint64_t number)
{
	uint64_t *set = line[number % SETS];
	int way = 0;

	while (way < WAYS - 1 && set[way] != number + 1)
		way++;
	if (set[way] != number + 1)
		fills++;
	for (; way > 0; way--)
		set[way] = set[way - 1];
	set[0] = number + 1;
}

static void access(unsigned int vcpu, uint32_t how, uint64_t at, void *unused)
{
	uint64_t last = at + ((uint64_t)1 << qemu_plugin_mem_size_shift(how)) - 1;

	(void)unused;
	if (vcpu != 0)
		return;
	touch(at / 64);
	if (last / 64 != at / 64)
		touch(last / 64);
}

// A block's instructions have one LMUL: setting it ends a block.
struct block {
	uint32_t instructions;
	uint32_t scalar;    // cycles of what is no vector
	uint32_t registers; // that vector instructions work on at LMUL 1
	uint32_t reductions;
	int lmul; // set by the last instruction; 0: not
};

#define BLOCKS (1 << 20)
static struct block blocks[BLOCKS];
static int used, lmul = 1;

static void modelled(unsigned int vcpu, void *data)
{
	const struct block *b = data;

	if (vcpu != 0)
		return;
	count += b->instructions;
	cycles += b->scalar + 2 * (uint64_t)lmul * b->registers + 6 * b->reductions;
	if (b->lmul)
		lmul = b->lmul;
}

// Classes of instructions: RISC-V "V" 1.0, chapter 10 and its list of encodings.
// 0.7.1 has the same for what is told apart here.
enum class { SCALAR, VSET, VECTOR, WIDENING, REDUCTION };

static enum class classify(uint32_t i)
{
	unsigned op = i & 0x7f, kind = i >> 12 & 7, function = i >> 26;

	if ((i & 3) != 3)
		return SCALAR; // compressed
	if (op == 0x07 || op == 0x27) // loads and stores of floating-point registers, or vectors
		return kind >= 1 && kind <= 4 ? SCALAR : VECTOR;
	if (op != 0x57)
		return SCALAR;
	switch (kind) {
	case 7:
		return VSET;
	case 1: // floating-point, vectors
		if (function == 1 || function == 3 || function == 5 || function == 7 || function == 0x31 || function == 0x33)
			return REDUCTION;
		// fall through
	case 5: // floating-point, vector and scalar
		return function >= 0x30 || (kind == 1 && function == 0x12 && (i >> 15 & 31) >= 8) ? WIDENING : VECTOR;
	case 2: // multiplication and the like
	case 6:
		return function >= 0x30 ? WIDENING : VECTOR;
	}
	return function >= 0x2c && function <= 0x2f ? WIDENING : VECTOR; // narrowing reads two registers
}

static void translateModel(struct qemu_plugin_tb *tb, size_t n)
{
	struct block *b = &blocks[used];

	if (used == BLOCKS - 1) {
		qemu_plugin_outs("count.so: too many blocks\n");
		return;
	}
	used++;
	b->instructions = (uint32_t)n;
	for (size_t k = 0; k < n; k++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, k);
		const uint8_t *p = qemu_plugin_insn_data(insn);
		uint32_t i = p[0] | (uint32_t)p[1] << 8;

		if (qemu_plugin_insn_size(insn) == 4)
			i |= (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		switch (classify(i)) {
		case SCALAR:
			b->scalar++;
			break;
		case VSET:
			if (!(i >> 31) || i >> 30 == 3) { // from the instruction itself
				int v = i >> 20 & 7;
				b->lmul = v < 4 ? 1 << v : 1;
			}
			break;
		case WIDENING:
			b->registers++;
			// fall through
		case VECTOR:
			b->registers++;
			break;
		case REDUCTION:
			b->reductions++;
			b->registers += 2;
			break;
		}
		qemu_plugin_register_vcpu_mem_cb(insn, access, 0, 3, NULL);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, modelled, 0, b);
}

static char *digits(char *p, uint64_t n)
{
	do
		*--p = '0' + n % 10;
	while (n /= 10);
	return p;
}

static void say(void)
{
	char text[80], *p = text + sizeof text;

	*--p = 0;
	*--p = '\n';
	if (model) {
		p = digits(p, 64 * fills);
		*--p = ' ';
		p = digits(p, cycles);
		*--p = ' ';
	}
	qemu_plugin_outs(digits(p, count));
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
	if (!skip && model)
		translateModel(tb, n);
	else if (!skip)
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
		} else if (p[0] == 'm') { // memory=on
			model = 1;
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
