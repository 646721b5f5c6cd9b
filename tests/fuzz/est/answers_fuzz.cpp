// A client reads whatever a server answers. The first line is the status.
#include "est/ca_certificates.h"
#include "est/client.h"
#include "est/fill_request.h"
#include "message.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    std::string_view in = as_text({data, size});
    est::http_response answer;
    answer.status = 0;
    for (const char c : est::take_fuzz_line(in).substr(0, 3)) {
        answer.status = answer.status * 10 + static_cast<unsigned>(c - '0') % 10;
    }
    answer.headers = est::take_fuzz_headers(in);
    answer.body = in;
    static const est::client client = *est::client::make({});
    if (const auto certificates = client.read_cacerts(answer)) {
        // Who trusts nobody is not made to trust anybody.
        if (est::update_trust({}, *certificates, 0)) {
            std::abort();
        }
    }
    if (const auto wanted = client.read_csrattrs(answer)) {
        pki::csr_template own;
        own.subject.add("CN", "device");
        (void)est::key_wanted(*wanted);
        (void)est::fill_request(*wanted, own, "YQ==");
    }
    // No certificate has an empty key.
    const auto enrolled = client.read_enrolment(answer, {}, 0);
    if (enrolled && std::holds_alternative<pki::certificate>(*enrolled)) {
        std::abort();
    }
    (void)client.read_serverkeygen(answer, 0);
    return 0;
}
