// decommission-faults BUNDLE: as `berth device lifecycle decommission --yes`, and killed where BERTH_FAULT says.
#include "device/decommission.h"

#include <cstdio>

int main(int argc, char** argv) {
    using namespace berth;
    const auto bundle = app::device_bundle::look(argc > 1 ? argv[1] : "");
    if (!bundle) {
        std::fprintf(stderr, "%s\n", bundle.error().message.c_str());
        return 2;
    }
    const auto done = app::decommission(*bundle, "by the test", {}, system_clock());
    if (!done) {
        std::fprintf(stderr, "%s\n", done.error().message.c_str());
        return 3;
    }
    return 0;
}
