// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tandem_bpf.h"
#include "tandem_files.h"
#include "tandem_loop.h"
#include "tandem_process.h"
#include "tandem_security.h"
#include "tandem_sockets.h"
#include "tandem_terminal.h"
