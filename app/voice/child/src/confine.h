/* What reads text or sound from elsewhere needs next to nothing of the machine. */
#ifndef CONFINE_H
#define CONFINE_H

/* Gives up what this program does not need any more once its data is loaded: the
 * rights of root, new privileges by any way, more memory than a little, and, where the
 * kernel can, all system calls but those of computing, of pipes and of reading files.
 * Returns NULL, or what could not be given up. */
const char *confine(void);

#endif
