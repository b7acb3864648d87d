// SPDX-License-Identifier: Apache-2.0
// All shims are inline functions in the header; SwiftPM wants one source file.
#include "tandem_trace.h"
