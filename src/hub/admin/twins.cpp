// Twins, as back ends read and change them.
#include "hub/twin/twins.h"
#include "hub/admin/routes.h"
#include "registry/hub/etag.h"

#include <fmt/format.h>

namespace berth::hub {

using namespace registry;

namespace {

result<api_result> told(const api_context& c, const identity& of, const twin& t) {
    api_result out{
        api_answer::json(200, twin_for_service(of, t, c.sessions.facts ? c.sessions.facts(of.name) : connection_facts{}))};
    out.answer.headers.emplace_back("ETag", "\"" + t.etag(of) + "\"");
    return out;
}

result<api_result> change(const api_context& c, bool whole) {
    BERTH_TRY(name, name_in_path(c));
    BERTH_TRY(of, require_identity(c, name));
    BERTH_TRY(before, c.twins.twin_of(name));
    if (const auto& wanted = c.request.if_match; wanted && !etag_matches(wanted_etag(*wanted), before.etag(of))) {
        return fail(error{error_category::peer,
                          "etag_mismatch",
                          fmt::format("the twin of \"{}\" was changed since it was read", name.text()),
                          {{"name", name.text()}}});
    }
    BERTH_TRY(body, wire::parse_json_object(c.request.body, most_small_body));
    BERTH_TRY(wish, twin_wish_from_json(body));
    if (whole) {
        wish.desired = std::move(wish.desired).value_or(wire::json::object());
        wish.tags = std::move(wish.tags).value_or(wire::json::object());
    }
    BERTH_TRY(after, change_twin(c.hub, c.twins, of, wish, whole, c.now));
    BERTH_TRY(out, told(c, after.identity, after.twin));
    return out;
}

}  // namespace

result<api_result> get_twin(const api_context& c) {
    BERTH_TRY(name, name_in_path(c));
    BERTH_TRY(of, require_identity(c, name));
    BERTH_TRY(t, c.twins.twin_of(name));
    return told(c, of, t);
}

result<api_result> patch_twin(const api_context& c) {
    return change(c, false);
}

result<api_result> put_twin(const api_context& c) {
    return change(c, true);
}

}  // namespace berth::hub
