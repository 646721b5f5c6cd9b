// What devices and servers tell each other of an element: whatever parses is read again from what it is written as.
#include "attestation/element_verifier.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    using namespace berth::attestation;
    const std::string_view text = as_text(bytes_view(data, size));
    if (const auto answer = read_answer(text)) {
        const auto again = read_answer(wire::to_text(to_json(*answer)));
        if (!again || again->challenge != answer->challenge || again->signature != answer->signature ||
            again->chain != answer->chain) {
            std::abort();
        }
    }
    if (const auto invitation = read_invitation(text)) {
        const auto again = read_invitation(wire::to_text(to_json(*invitation)));
        if (!again || again->challenge != invitation->challenge || again->audience != invitation->audience) {
            std::abort();
        }
    }
    return 0;
}
