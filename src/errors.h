/* The error table's one home is the public header. */
#include "../include/lshm_errors.h"
