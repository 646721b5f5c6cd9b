// Places where a test kills the process, to prove that nothing is lost (docs/onboarding.md section 7). They exist only in
// binaries compiled with BERTH_FAULT_POINTS, which are never installed; a test proves that the released ones have none.
#pragma once

#ifdef BERTH_FAULT_POINTS
#include <csignal>
#include <cstdlib>
#include <cstring>
// The process kills itself here, as by kill -9, when BERTH_FAULT names this point.
#define BERTH_FAULT_POINT(name)                                                       \
    do {                                                                              \
        const char* wanted_fault = std::getenv("BERTH_FAULT");                        \
        if (wanted_fault && std::strcmp(wanted_fault, "berth-fault-point:" name) == 0) { \
            std::raise(SIGKILL);                                                      \
        }                                                                             \
    } while (false)
#else
#define BERTH_FAULT_POINT(name) \
    do {                        \
    } while (false)
#endif
