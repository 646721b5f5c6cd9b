// Bodies of tpmenroll, both ways: what is read is written to be read again as the same, and what is not is refused.
#include "est/tpm_enrolment.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    static const auto kind = *est::parse_media_type(est::body_writer::content_type());
    const std::string_view body = as_text({data, size});
    if (const auto request = est::read_tpm_request(kind, body)) {
        const auto again = est::read_tpm_request(kind, est::tpm_request_body(*request, est::framing::lines_76));
        if (!again || again->csr != request->csr || again->attestation_key != request->attestation_key ||
            again->resident.has_value() != request->resident.has_value()) {
            std::abort();
        }
        static const auto nobody = *pki::trust_store::build({});
        if (est::endorsed_key::judge(*request, request->csr, nobody, 0)) {
            std::abort();  // nobody is believed
        }
    }
    if (const auto answer = est::read_tpm_answer(kind, body)) {
        static const secret_bytes key(size_t{32});
        (void)est::open_tpm_answer(*answer, key);
    }
    return 0;
}
