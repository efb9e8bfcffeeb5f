// Instructions that Go's assembler does not know, by the numbers of their registers; after
// each what GNU's assembler calls it. TestWordsARM64 holds them to testdata/neon-words.txt.

#define FMULE(d, n, m, i)	WORD	$(0x4f809000 | ((i)&1)<<21 | ((i)>>1)<<11 | (m)<<16 | (n)<<5 | (d))	// fmul vd.4s, vn.4s, vm.s[i]
#define FMLAE(d, n, m, i)	WORD	$(0x4f801000 | ((i)&1)<<21 | ((i)>>1)<<11 | (m)<<16 | (n)<<5 | (d))	// fmla vd.4s, vn.4s, vm.s[i]
#define FADDV(d, n, m)	WORD	$(0x4e20d400 | (m)<<16 | (n)<<5 | (d))	// fadd vd.4s, vn.4s, vm.4s
#define FSUBV(d, n, m)	WORD	$(0x4ea0d400 | (m)<<16 | (n)<<5 | (d))	// fsub vd.4s, vn.4s, vm.4s
#define FMULV(d, n, m)	WORD	$(0x6e20dc00 | (m)<<16 | (n)<<5 | (d))	// fmul vd.4s, vn.4s, vm.4s
#define FDIVV(d, n, m)	WORD	$(0x6e20fc00 | (m)<<16 | (n)<<5 | (d))	// fdiv vd.4s, vn.4s, vm.4s
#define FMLAV(d, n, m)	WORD	$(0x4e20cc00 | (m)<<16 | (n)<<5 | (d))	// fmla vd.4s, vn.4s, vm.4s
#define FMAXV(d, n, m)	WORD	$(0x4e20c400 | (m)<<16 | (n)<<5 | (d))	// fmaxnm vd.4s, vn.4s, vm.4s
#define FMINV(d, n, m)	WORD	$(0x4ea0c400 | (m)<<16 | (n)<<5 | (d))	// fminnm vd.4s, vn.4s, vm.4s
#define FABSV(d, n)	WORD	$(0x4ea0f800 | (n)<<5 | (d))	// fabs vd.4s, vn.4s
#define FNEGV(d, n)	WORD	$(0x6ea0f800 | (n)<<5 | (d))	// fneg vd.4s, vn.4s
#define UMAXV(d, n, m)	WORD	$(0x6ea06400 | (m)<<16 | (n)<<5 | (d))	// umax vd.4s, vn.4s, vm.4s
#define SCVTFV(d, n)	WORD	$(0x4e21d800 | (n)<<5 | (d))	// scvtf vd.4s, vn.4s
#define FCVTNUV(d, n)	WORD	$(0x6e21a800 | (n)<<5 | (d))	// fcvtnu vd.4s, vn.4s
#define SMLAL(d, n, m)	WORD	$(0x0e208000 | (m)<<16 | (n)<<5 | (d))	// smlal vd.8h, vn.8b, vm.8b
#define SMLAL2(d, n, m)	WORD	$(0x4e208000 | (m)<<16 | (n)<<5 | (d))	// smlal2 vd.8h, vn.16b, vm.16b
#define SSHR4(d, n)	WORD	$(0x4f0c0400 | (n)<<5 | (d))	// sshr vd.16b, vn.16b, #4
#define SADDW(d, n, m)	WORD	$(0x0e601000 | (m)<<16 | (n)<<5 | (d))	// saddw vd.4s, vn.4s, vm.4h
#define SADDW2(d, n, m)	WORD	$(0x4e601000 | (m)<<16 | (n)<<5 | (d))	// saddw2 vd.4s, vn.4s, vm.8h
#define LD4(t, i, n, m)	WORD	$(0x0de0a000 | ((i)>>1)<<30 | ((i)&1)<<12 | (m)<<16 | (n)<<5 | (t))	// ld4 { vt.s - vu.s }[i], [xn], xm
#define LD4NEXT(t, i, n)	WORD	$(0x0dffa000 | ((i)>>1)<<30 | ((i)&1)<<12 | (n)<<5 | (t))	// ld4 { vt.s - vu.s }[i], [xn], #16
#define ADDI(d, n, m)	WORD	$(0x4ea08400 | (m)<<16 | (n)<<5 | (d))	// add vd.4s, vn.4s, vm.4s
