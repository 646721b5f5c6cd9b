// What a test wants to see of a process from within. Only in binaries compiled with BERTH_FAULT_POINTS, which are never
// installed; elsewhere nothing of it is left, and the arguments are not evaluated.
#pragma once

#ifdef BERTH_FAULT_POINTS
#    include "base/bytes.h"

#    include <cstdio>
#    include <cstdlib>

namespace berth {
// Appends "WHAT HEX" to the file that BERTH_RECORD names.
inline void test_record(const char* what, bytes_view octets) {
    const char* const path = std::getenv("BERTH_RECORD");
    if (!path || octets.empty()) {
        return;
    }
    if (std::FILE* const file = std::fopen(path, "ae")) {
        std::fprintf(file, "%s %s\n", what, to_hex(octets).c_str());
        std::fclose(file);
    }
}
}  // namespace berth
#    define BERTH_TEST_RECORD(what, octets) ::berth::test_record(what, octets)
#else
#    define BERTH_TEST_RECORD(what, octets) \
        do {                                \
        } while (false)
#endif
