// Certificate, as a message and as the certificates in it.
#include "authkem/certificate.h"
#include "authkem/peer.h"

using namespace berth;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto chain = authkem::parse_certificate({data, size});
    if (!chain) {
        return 0;
    }
    const bytes again = authkem::encode_certificate(*chain).value();
    if (!same_octets(bytes_view(again).subspan(authkem::handshake_header_size), {data, size})) {
        __builtin_trap();
    }
    if (!chain->empty()) {
        static const manual_clock clock(1800000000);
        authkem::chain_rules rules;
        rules.possession_only = true;
        (void)authkem::judge_peer(*chain, rules, {authkem::scheme::mlkem768, authkem::scheme::mlkem768_p256}, clock);
    }
    return 0;
}
