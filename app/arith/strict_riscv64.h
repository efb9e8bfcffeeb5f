// A product is rounded before it is added: two instructions, never a fused one.
#define F32_TERM(F, ACC) \
	VFMULVF	F, V0, V4 \
	VFADDVV	V4, ACC, ACC

#define F32_SUM(F, W, ACC) \
	VFMULVF	F, W, W \
	VFADDVV	W, ACC, ACC
