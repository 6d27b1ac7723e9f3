// The same in C++11.
#include "every_symbol.c"
