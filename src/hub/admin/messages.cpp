// Messages to devices, as back ends send them and hear what became of them.
#include "hub/admin/routes.h"
#include "hub/messages/message_headers.h"
#include "hub/messages/message_json.h"

#include <fmt/format.h>

namespace berth::hub {

using namespace registry;

namespace {

namespace json = wire::json;

constexpr size_t most_feedback = 100;  // in one answer

result<message_registry*> require_messages(const api_context& c) {
    if (c.messages == nullptr) {
        return fail(error_category::usage, "not_implemented", "This hub has no messages to devices.");
    }
    return c.messages;
}

}  // namespace

result<api_result> send_message(const api_context& c) {
    BERTH_TRY(name, name_in_path(c));
    BERTH_CHECK(require_identity(c, name));
    BERTH_TRY(messages, require_messages(c));
    BERTH_TRY(fresh, message_from(name.device, c.request.fields, c.request.body, c.random, c.now));
    BERTH_TRY(number, messages->enqueue(fresh));
    return api_result{api_answer::json(
        201, json::object{{"sequenceNumber", number}, {"messageId", fresh.id}, {"expiryTimeUtc", to_iso8601(fresh.expires)}})};
}

result<api_result> purge_messages(const api_context& c) {
    BERTH_TRY(name, name_in_path(c));
    BERTH_CHECK(require_identity(c, name));
    BERTH_TRY(messages, require_messages(c));
    BERTH_TRY(count, messages->purge(name.device, c.now));
    return api_result{
        api_answer::json(200, json::object{{"totalMessagesPurged", count}, {"deviceId", name.device}, {"moduleId", nullptr}})};
}

result<api_result> receive_feedback(const api_context& c) {
    BERTH_TRY(messages, require_messages(c));
    const std::string lock = draw_token(c.random);
    BERTH_TRY(some, messages->receive_feedback(lock, most_feedback, c.now));
    if (some.empty()) {
        return api_result{api_answer::empty()};
    }
    api_result out{api_answer::json(200, to_json(some))};
    out.answer.headers.emplace_back("ETag", "\"" + lock + "\"");
    return out;
}

result<api_result> complete_feedback(const api_context& c) {
    BERTH_TRY(messages, require_messages(c));
    BERTH_CHECK(messages->complete_feedback(c.name("lock"), c.now));
    return api_result{api_answer::empty()};
}

result<api_result> abandon_feedback(const api_context& c) {
    BERTH_TRY(messages, require_messages(c));
    BERTH_CHECK(messages->abandon_feedback(c.name("lock"), c.now));
    return api_result{api_answer::empty()};
}

}  // namespace berth::hub
