#ifndef STAUNCH_CLINUX_H
#define STAUNCH_CLINUX_H
#endif
