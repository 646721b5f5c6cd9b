// A server that issues to nobody: whatever comes is answered, with a status that HTTP has, and nothing is issued to who did not
// prove anything.
#include "est/client.h"
#include "est/server.h"
#include "message.h"

#include <cstdlib>

namespace {

using namespace berth;

class refusing_authority final : public est::authority {
public:
    refusing_authority() {
        open_.access = {{{est::operation::simpleenroll, est::operation::serverkeygen}, est::only(est::proof::basic), 0}};
    }
    const est::label_policy* policy(std::string_view label) const override { return label == "closed" ? &closed_ : &open_; }
    result<std::vector<pki::certificate>> ca_certificates(std::string_view) const override {
        return std::vector<pki::certificate>{};
    }
    result<pki::csr_attributes> attributes(std::string_view, const est::requester&) const override {
        return pki::csr_attributes{};
    }
    result<std::variant<est::issued, est::waiting>> enrol(const est::enrolment& e) override {
        if (!e.by.how.has(est::proof::basic)) {
            std::abort();
        }
        return est::waiting{};
    }

private:
    est::label_policy open_;
    est::label_policy closed_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static refusing_authority authority;
    std::string_view in = as_text({data, size});
    const std::string_view first = est::take_fuzz_line(in);
    const size_t blank = first.find(' ');
    est::http_request request;
    request.method = first.substr(0, blank);
    request.path = blank == std::string_view::npos ? "" : first.substr(blank + 1);
    request.headers = est::take_fuzz_headers(in);
    request.body = in;
    est::requester nobody;
    est::requester user;
    user.how = est::only(est::proof::basic);
    for (const est::requester& who : {nobody, user}) {
        const est::answer a = est::serve(authority, request, who, {});
        if (a.response.status < 200 || a.response.status > 599 || a.certificate) {
            std::abort();
        }
        // A client of ours makes something of every answer, or refuses it.
        const auto client = est::client::make({});
        (void)client->read_enrolment(a.response, {}, 0);
    }
    return 0;
}
