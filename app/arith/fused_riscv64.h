// A product and the sum that it is added to are rounded once, together.
#define F32_TERM(F, ACC)	VFMACCVF	V0, F, ACC
#define F32_SUM(F, W, ACC)	VFMACCVF	W, F, ACC
