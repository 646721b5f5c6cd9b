#include "hub/carrier/carried.h"

#include "wire/base64.h"
#include "wire/json.h"

namespace berth::hub {

namespace {

namespace json = wire::json;

result<json::array> read_list(std::string_view text) {
    BERTH_TRY(value, wire::parse_json(text, most_carried_octets));
    if (!value.is_array()) {
        return fail(error_category::peer, "bad_json", "what a broker carries is a list");
    }
    if (value.get_array().size() > most_carried) {
        return fail(error_category::peer, "too_many_messages",
                    fmt::format("more than {} messages are carried at once", most_carried));
    }
    return std::move(value.get_array());
}

result<json::object> object_of(json::value& value) {
    if (!value.is_object()) {
        return fail(error_category::peer, "bad_json", "what a broker carries is a list of objects");
    }
    return std::move(value.get_object());
}

result<bytes> octets_member(const json::object& object, std::string_view name, size_t most) {
    BERTH_TRY(text, wire::text_member(object, name));
    BERTH_TRY(out, wire::from_base64(text));
    if (out.size() > most) {
        return fail(error_category::peer, "too_large", fmt::format("\"{}\" has more than {} octets", name, most));
    }
    return out;
}

result<std::vector<bytes>> chain_member(const json::object& object) {
    const auto* const list = object.if_contains("chain");
    if (list == nullptr || !list->is_array()) {
        return fail(error_category::peer, "bad_json", "\"chain\" is no list");
    }
    std::vector<bytes> out;
    size_t octets = 0;
    for (const auto& one : list->get_array()) {
        if (!one.is_string()) {
            return fail(error_category::peer, "bad_json", "\"chain\" is a list of texts");
        }
        BERTH_TRY(der, wire::from_base64(std::string_view(one.get_string())));
        octets += der.size();
        if (octets > most_carried_chain) {
            return fail(error_category::peer, "too_large", fmt::format("a chain has more than {} octets", most_carried_chain));
        }
        out.push_back(std::move(der));
    }
    return out;
}

json::object to_object(const carried_answer& a) {
    return {{"topic", a.topic}, {"payload", wire::base64(a.payload)}};
}

result<carried_answer> read_answer(const json::object& object) {
    BERTH_TRY(topic, wire::text_member(object, "topic"));
    BERTH_TRY(payload, octets_member(object, "payload", most_carried_answer));
    return carried_answer{std::move(topic), std::move(payload)};
}

result<std::vector<carried_answer>> more_member(json::object& object) {
    std::vector<carried_answer> out;
    auto* const list = object.if_contains("more");
    if (list == nullptr) {
        return out;
    }
    if (!list->is_array() || list->get_array().size() > most_carried_more) {
        return fail(error_category::peer, "bad_json", "\"more\" is no list, or too long a one");
    }
    for (auto& value : list->get_array()) {
        BERTH_TRY(one, object_of(value));
        BERTH_TRY(answer, read_answer(one));
        out.push_back(std::move(answer));
    }
    return out;
}

}  // namespace

std::string to_text(const std::vector<carried_message>& messages) {
    json::array out;
    for (const auto& m : messages) {
        json::array chain;
        for (const auto& one : m.chain) {
            chain.emplace_back(wire::base64(one));
        }
        out.emplace_back(json::object{{"client", m.client},
                                      {"user", m.user},
                                      {"topic", m.topic},
                                      {"payload", wire::base64(m.payload)},
                                      {"from", m.from},
                                      {"chain", std::move(chain)}});
    }
    return wire::to_text(out);
}

std::string to_text(const std::vector<std::optional<carried_answer>>& answers) {
    json::array out;
    for (const auto& a : answers) {
        if (!a) {
            out.emplace_back(nullptr);
            continue;
        }
        json::object object = to_object(*a);
        if (!a->more.empty()) {
            json::array more;
            for (const auto& one : a->more) {
                more.emplace_back(to_object(one));
            }
            object["more"] = std::move(more);
        }
        out.emplace_back(std::move(object));
    }
    return wire::to_text(out);
}

result<std::vector<carried_message>> read_carried_messages(std::string_view text) {
    BERTH_TRY(list, read_list(text));
    std::vector<carried_message> out;
    for (auto& value : list) {
        BERTH_TRY(object, object_of(value));
        BERTH_TRY(client, wire::text_member(object, "client"));
        BERTH_TRY(user, wire::text_member(object, "user"));
        BERTH_TRY(topic, wire::text_member(object, "topic"));
        BERTH_TRY(payload, octets_member(object, "payload", most_carried_payload));
        BERTH_TRY(from, wire::text_member(object, "from"));
        BERTH_TRY(chain, chain_member(object));
        out.push_back(
            {std::move(client), std::move(user), std::move(topic), std::move(payload), std::move(from), std::move(chain)});
    }
    return out;
}

result<std::vector<std::optional<carried_answer>>> read_carried_answers(std::string_view text) {
    BERTH_TRY(list, read_list(text));
    std::vector<std::optional<carried_answer>> out;
    for (auto& value : list) {
        if (value.is_null()) {
            out.emplace_back();
            continue;
        }
        BERTH_TRY(object, object_of(value));
        auto answer = read_answer(object);
        if (!answer && answer.error().is("too_large")) {
            out.emplace_back();  // whoever asked goes without; the others' are theirs
            continue;
        }
        if (!answer) {
            return fail(std::move(answer).error());
        }
        BERTH_TRY(more, more_member(object));
        answer->more = std::move(more);
        out.emplace_back(std::move(*answer));
    }
    return out;
}

}  // namespace berth::hub
