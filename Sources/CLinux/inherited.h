#ifndef STAUNCH_INHERITED_H
#define STAUNCH_INHERITED_H

/* In a forked child: no signal is ignored, handled or blocked. */
void clinux_default_signals(void);
/* In a forked child: resets what the shim or the daemon's starter set for itself. */
void clinux_drop_inherited(void);

#endif
