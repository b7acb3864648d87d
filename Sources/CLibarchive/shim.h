// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <archive.h>
#include <archive_entry.h>

// Variadic, which Swift cannot call.
static inline void tandem_archive_fail(struct archive *archive, const char *reason) {
    archive_set_error(archive, 5 /* EIO */, "%s", reason ? reason : "it is damaged");
}
