// Places where a test kills the process, to prove that nothing is lost (docs/onboarding.md section 7). They exist only in
// binaries compiled with BERTH_FAULT_POINTS, which are never installed; a test proves that the released ones have none.
#pragma once

#ifdef BERTH_FAULT_POINTS
#    include <csignal>
#    include <cstdlib>
#    include <cstring>
// The process kills itself here, as by kill -9, when BERTH_FAULT names this point, the BERTH_FAULT_COUNT-th time it is reached.
#    define BERTH_FAULT_POINT(name)                                                          \
        do {                                                                                 \
            static int fault_hits = 0;                                                       \
            const char* wanted_fault = std::getenv("BERTH_FAULT");                           \
            const char* wanted_count = std::getenv("BERTH_FAULT_COUNT");                     \
            if (wanted_fault && std::strcmp(wanted_fault, "berth-fault-point:" name) == 0 && \
                ++fault_hits == (wanted_count ? std::atoi(wanted_count) : 1)) {              \
                std::raise(SIGKILL);                                                         \
            }                                                                                \
        } while (false)
#else
#    define BERTH_FAULT_POINT(name) \
        do {                        \
        } while (false)
#endif
