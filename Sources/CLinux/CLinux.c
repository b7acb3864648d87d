// SPDX-License-Identifier: Apache-2.0
// All shims are inline functions in the headers; SwiftPM wants one source file.
#include "CLinux.h"
