// What comes to a factory or a line from elsewhere: orders, lines' identities, messages, and logs whose signer knows how to
// count.
#include "setup/line_message.h"
#include "setup/line_order.h"
#include "support/memory_file.h"

using namespace berth;
using namespace berth::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bytes_view octets(data, size);
    const memory_file file(octets);
    explained(app::read_lot_order(file.path()));
    explained(app::read_serials(file.path()));
    explained(app::line_identity::read(file.path()));
    explained(app::read_line_message(file.path()));
    // Lines that are in order, whoever signed them.
    app::lot_account account;
    for (std::string_view rest = as_text(octets); !rest.empty();) {
        const std::string_view text = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(text.size() + 1, rest.size()));
        auto line = wire::parse_json_object(text);
        if (line && wire::integer_member(*line, "number") && wire::text_member(*line, "event")) {
            explained(account.take(*line));
        }
    }
    if (const auto json = wire::parse_json_object(as_text(octets))) {
        const auto terms = app::line_terms::from_json(*json);
        explained(terms);
        if (terms) {
            const auto again = app::line_terms::from_json(terms->to_json());
            require(again && wire::to_text(again->to_json()) == wire::to_text(terms->to_json()));
        }
    }
    return 0;
}
