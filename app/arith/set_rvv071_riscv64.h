// RISC-V vector 0.7.1: vsetvli has another vtype than in 1.0, so it is written in hex.
#define SET_E8M2	WORD $0x0012f057 // th.vsetvli zero,t0,e8,m2
#define SET_E8M4	WORD $0x0022f057 // th.vsetvli zero,t0,e8,m4
#define SET_E16M4	WORD $0x0062f057 // th.vsetvli zero,t0,e16,m4
#define SET_E16M8	WORD $0x0072f057 // th.vsetvli zero,t0,e16,m8
#define SET_E32M4	WORD $0x00a2f057 // th.vsetvli zero,t0,e32,m4
#define SET_E32M8	WORD $0x00b2f057 // th.vsetvli zero,t0,e32,m8
