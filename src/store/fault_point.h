// Places where a test kills the process, to prove that nothing is lost (docs/onboarding.md section 7). They exist only in
// binaries compiled with BERTH_FAULT_POINTS, which are never installed; a test proves that the released ones have none.
#pragma once

#ifdef BERTH_FAULT_POINTS
#    include <csignal>
#    include <cstdlib>
#    include <cstring>

namespace berth {
// The process kills itself here, as by kill -9, when BERTH_FAULT names this point, the BERTH_FAULT_COUNT-th time it is reached.
// With BERTH_FAULT_AFTER, which names a point, too, only what comes behind that one counts.
inline void fault_point(const char* name) {
    static const char* const wanted = std::getenv("BERTH_FAULT");
    static const char* const after = std::getenv("BERTH_FAULT_AFTER");
    static const char* const count = std::getenv("BERTH_FAULT_COUNT");
    static bool counting = after == nullptr;
    static int hits = 0;
    if (!counting) {
        counting = std::strcmp(after, name) == 0;
    } else if (wanted && std::strcmp(wanted, name) == 0 && ++hits == (count ? std::atoi(count) : 1)) {
        std::raise(SIGKILL);
    }
}
}  // namespace berth
#    define BERTH_FAULT_POINT(name) ::berth::fault_point("berth-fault-point:" name)
#else
#    define BERTH_FAULT_POINT(name) \
        do {                        \
        } while (false)
#endif
