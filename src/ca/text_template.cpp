#include "ca/text_template.h"

namespace berth::ca {

namespace {

constexpr std::array<std::pair<std::string_view, place>, 5> places{
    {{"serial", place::serial}, {"maker", place::maker}, {"name", place::name}, {"cn", place::cn}, {"o", place::o}}};

std::string_view name_of(place p) {
    return std::ranges::find(places, p, &std::pair<std::string_view, place>::second)->first;
}

std::optional<std::string> known(place p, const requester& who) {
    switch (p) {
    case place::serial: return who.device.serial.empty() ? std::nullopt : std::optional(who.device.serial);
    case place::maker: return who.device.maker_root == key_hash{} ? std::nullopt : std::optional(to_hex(who.device.maker_root));
    case place::name: return who.name.empty() ? std::nullopt : std::optional(who.name);
    case place::cn: return who.certificate ? who.certificate->common_name() : std::nullopt;
    case place::o: return who.certificate ? who.certificate->organization() : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

error bad_profile(std::string why) {
    return {error_category::usage, "bad_profile", std::move(why)};
}

result<text_template> text_template::parse(std::string_view text) {
    text_template out;
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c != '{' && c != '}') {
            plain.push_back(c);
        } else if (i + 1 < text.size() && text[i + 1] == c) {
            plain.push_back(c);
            ++i;
        } else {
            const size_t end = text.find('}', i);
            const auto* const found =
                c == '}' || end == std::string_view::npos
                    ? places.end()
                    : std::ranges::find(places, text.substr(i + 1, end - i - 1), &std::pair<std::string_view, place>::first);
            if (found == places.end()) {
                return fail(bad_profile("\"" + std::string(text) +
                                        "\" has a brace that stands for none of {serial}, {maker}, {name}, {cn}, {o}; write "
                                        "\"{{\" for a brace itself"));
            }
            if (!plain.empty()) {
                out.parts_.emplace_back(std::exchange(plain, {}));
            }
            out.parts_.emplace_back(found->second);
            i = end;
        }
    }
    if (!plain.empty() || out.parts_.empty()) {
        out.parts_.emplace_back(std::move(plain));
    }
    return out;
}

result<std::string> text_template::fill(const requester& who) const {
    std::string out;
    for (const auto& part : parts_) {
        if (const auto* text = std::get_if<std::string>(&part)) {
            out += *text;
            continue;
        }
        const place p = std::get<place>(part);
        const auto value = known(p, who);
        if (!value) {
            return fail(error{error_category::peer, "identity_incomplete",
                              "This certificate would name the requester's {" + std::string(name_of(p)) +
                                  "}, and what he has proved (" + who.proofs_text() + ") does not tell it."}
                            .with("missing", std::string(name_of(p))));
        }
        out += *value;
    }
    return out;
}

bool text_template::uses(place p) const {
    return std::ranges::any_of(parts_, [p](const auto& part) {
        const auto* used = std::get_if<place>(&part);
        return used != nullptr && *used == p;
    });
}

result<name_template> name_template::parse(std::string_view text) {
    name_template out;
    // Values with commas write "\,".
    std::vector<std::string> items(text.empty() ? 0 : 1);
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            items.back().push_back(text[++i]);
        } else if (text[i] == ',') {
            items.emplace_back();
        } else {
            items.back().push_back(text[i]);
        }
    }
    for (const std::string& item : items) {
        const size_t equals = item.find('=');
        const size_t begin = item.find_first_not_of(' ');
        if (equals == std::string::npos || begin >= equals || equals + 1 == item.size()) {
            return fail(
                bad_profile("a subject is written as ATTRIBUTE=TEXT,ATTRIBUTE=TEXT, and \"" + item + "\" is none of these"));
        }
        BERTH_TRY(value, text_template::parse(std::string_view(item).substr(equals + 1)));
        out.attributes_.emplace_back(item.substr(begin, equals - begin), std::move(value));
    }
    return out;
}

result<pki::distinguished_name> name_template::fill(const requester& who) const {
    pki::distinguished_name out;
    for (const auto& [attribute, value] : attributes_) {
        BERTH_TRY(text, value.fill(who));
        out.add(attribute, std::move(text));
    }
    return out;
}

bool name_template::has(std::string_view attribute) const {
    return std::ranges::any_of(attributes_, [&](const auto& a) { return a.first == attribute; });
}

}  // namespace berth::ca
