// Requests to the hub's API over a real registry, and the file of policies.
//
// The first line: METHOD SP PATH SP QUERY SP IF-MATCH, any of them empty; the rest is the body.
#include "hub/access/gate.h"
#include "hub/admin/admin_api.h"
#include "store/sqlite/twin_store.h"
#include "support/given_random.h"
#include "support/memory_file.h"

#include <filesystem>

using namespace berth;
using namespace berth::test;

namespace {

constexpr unix_seconds now = 1'800'000'000;

// One device and one module are there; whatever a request does is undone.
struct world {
    world() {
        std::string name = (std::filesystem::temp_directory_path() / "berth-fuzz-XXXXXX").string();
        require(::mkdtemp(name.data()) != nullptr);
        auto opened = store::sqlite_hub_store::open(name + "/hub.db");
        require(opened.has_value());
        store = std::move(*opened);
        twins.emplace(*store);
        std::filesystem::remove_all(name);  // the files stay as long as they are open
        require(store->begin_batch().has_value());
        for (const auto& each : {registry::identity_name{"a", ""}, registry::identity_name{"a", "m"}}) {
            require(store->add(registry::make_identity(each, {}, random, now)).has_value());
        }
    }
    named_random random{"hub api"};
    manual_clock time{now};
    std::unique_ptr<store::sqlite_hub_store> store;
    std::optional<store::sqlite_twin_store> twins;
    hub::admin_api api{random, time};
};

std::string_view take(std::string_view& from, char end) {
    const std::string_view out = from.substr(0, from.find(end));
    from.remove_prefix(std::min(out.size() + 1, from.size()));
    return out;
}

hub::admin_api::outcome ask(world& w, const hub::api_request& request, const result<hub::caller>& who) {
    hub::admin_api::outcome out;
    // Undone whatever it says: the next one finds the registry as this one has.
    (void)w.store->all_or_nothing([&]() -> result<void> {
        out = w.api.answer(*w.store, *w.twins, request, who);
        return fail(error_category::peer, "undone", "");
    });
    return out;
}

void requests(std::string_view text) {
    static world w;
    std::string_view line = take(text, '\n');
    hub::api_request request;
    request.method = take(line, ' ');
    request.path = take(line, ' ');
    for (std::string_view query = take(line, ' '); !query.empty();) {
        std::string_view one = take(query, '&');
        const std::string name(take(one, '='));
        request.query[name] = one;
    }
    if (!line.empty()) {
        request.if_match = line;
    }
    request.content_type = "application/json";
    request.body = text;

    const auto refused = ask(w, request, fail(error_category::peer, "no_credentials", "Nothing was shown."));
    require(refused.answer.status == 401 ? refused.answer.body == hub::unauthorized().body && !refused.keep
                                         : refused.operation == "openapi");
    const auto done = ask(w, request, hub::caller{"fuzz", hub::right_set::all()});
    require(done.answer.status >= 200 && done.answer.status < 600 && done.answer.status != 401);
    // Nothing that somebody sends is our fault.
    require(done.answer.status != 500 && done.answer.status != 503);
    require(done.answer.type.empty() ? done.answer.body.empty() : wire::parse_json(done.answer.body).has_value());
    require(done.answer.status < 400 || done.why || !done.keep);
    // It is there, and as it was.
    const auto there = w.store->find({"a", "m"});
    require(there && *there && (*there)->version == 1);
}

void policies(bytes_view octets) {
    const auto read = hub::policies::parse(octets);
    explained(read);
    if (read) {
        const auto text = read->to_text();
        const auto again = hub::policies::parse(text.reveal());
        require(again && again->all().size() == read->all().size());
        require(same_octets(again->to_text().reveal(), text.reveal()));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bytes_view octets(data, size);
    requests(as_text(octets));
    policies(octets);
    return 0;
}
