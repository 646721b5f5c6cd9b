// HTTP requests and responses. The first octet says which, the second how the input is cut: however that is, what is complete
// is the same. (What is malformed may be known to be so sooner or later.)
#include "net/http_codec.h"
#include "net/http_router.h"

#include <algorithm>
#include <cstdlib>

using namespace berth;
using namespace berth::net;

namespace {

constexpr http_size_limits limits{.most_header = 2'048, .most_body = 4'096};

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

// "more", "complete METHOD PATH BODY", or the error's name.
template <class Reader, class Describe>
std::string read(Reader reader, bytes_view text, size_t piece, const Describe& describe) {
    bytes waiting;
    while (true) {
        bytes_view left = waiting;
        const auto progress = reader.read(left);
        require(left.size() <= waiting.size());
        waiting.erase(waiting.begin(), waiting.end() - static_cast<std::ptrdiff_t>(left.size()));
        if (!progress) {
            return progress.error().name;
        }
        if (*progress == read_progress::complete) {
            return "complete " + describe(reader);
        }
        if (*progress == read_progress::more) {
            if (text.empty()) {
                return "more";
            }
            append(waiting, text.first(std::min(piece, text.size())));
            text = text.subspan(std::min(piece, text.size()));
        }
    }
}

void require_same(const std::string& whole, const std::string& cut) {
    require(whole == cut || !(whole.starts_with("complete") || cut.starts_with("complete")));
}

std::string describe_request(request_reader& reader) {
    const http_request r = reader.take();
    require(r.body.size() <= limits.most_body);
    require(!r.path.empty());
    http_router router;
    router.add("GET", "/a/{b}/{c...}", [](const http_request&) { return http_response::empty(); });
    const auto found = router.find(r.method, r.path);
    require(found.handle != nullptr || found.refusal.status >= 400);
    return r.method + ' ' + r.path + ' ' + r.body;
}

std::string describe_response(response_reader& reader) {
    const http_response r = reader.take();
    require(r.body.size() <= limits.most_body);
    require(!encode_response(r, true, false).empty());
    return std::to_string(r.status) + ' ' + r.body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const bytes_view text(data + 2, size - 2);
    const size_t piece = size_t{1} + data[1];
    if (data[0] % 2 == 0) {
        const auto whole = read(request_reader(limits), text, SIZE_MAX, describe_request);
        require_same(whole, read(request_reader(limits), text, piece, describe_request));
    } else {
        const bool to_head = data[0] % 4 == 3;
        const auto whole = read(response_reader(limits, to_head), text, SIZE_MAX, describe_response);
        require_same(whole, read(response_reader(limits, to_head), text, piece, describe_response));
    }
    std::ignore = parse_url(as_text(text));
    if (const auto query = parse_query(as_text(text)); query) {
        for (const auto& [name, value] : *query) {
            require(percent_decode(percent_encode(value)).value_or("") == value);
        }
    }
    return 0;
}
