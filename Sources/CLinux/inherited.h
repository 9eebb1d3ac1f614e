#ifndef STAUNCH_INHERITED_H
#define STAUNCH_INHERITED_H

#include <stdint.h>

/* In a forked child: no signal is ignored, handled or blocked. */
void clinux_default_signals(void);
/* In a forked child: resets what the shim or the daemon's starter set for itself. */
void clinux_drop_inherited(void);
/* Keeps only these capabilities in the bounding set, as bits (capabilities(7)). */
int clinux_drop_bounding(uint64_t kept);

#endif
