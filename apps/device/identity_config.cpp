#include "device/identity_config.h"

#include "common/config_reader.h"
#include "common/files.h"

#include <charconv>

#include <pwd.h>

namespace berth::app {

namespace {

constexpr int64_t most_uid = 4'294'967'294;  // the one above says "nobody in particular" to system calls

// The user's number. Empty: there is no such user.
std::optional<uint32_t> user_called(const std::string& name) {
    std::array<char, 16384> room{};
    passwd entry{};
    passwd* found = nullptr;
    return ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found) == 0 && found ? std::optional(found->pw_uid)
                                                                                              : std::nullopt;
}

identity::principal read_principal(table_reader& t) {
    identity::principal out;
    out.name = t.text("name");
    const std::string user = t.text("user", "");
    const auto uid = t.integer("uid", 0, most_uid, 0);
    if (t.has("user") == t.has("uid")) {
        t.complain(nullptr, fmt::format("principal \"{}\" needs either \"user\" (a name) or \"uid\" (a number)", out.name));
    } else if (t.has("uid")) {
        out.uid = static_cast<uint32_t>(uid);
    } else if (const auto found = user_called(user)) {
        out.uid = *found;
    } else {
        t.complain(nullptr, fmt::format("this machine has no user \"{}\": make it first, or give its number (uid)", user));
    }
    out.identities = t.texts("identities");
    for (const auto& word : t.texts("may")) {
        if (const auto use = identity::parse_key_use(word)) {
            out.may.push_back(*use);
        } else {
            t.complain(nullptr, use.error().message);
        }
    }
    return out;
}

}  // namespace

result<identity_config> read_identity_config(const std::filesystem::path& file) {
    BERTH_TRY(text, read_text(file));
    return parse_identity_config(text, file);
}

result<identity_config> parse_identity_config(const std::string& text, const std::filesystem::path& file) {
    BERTH_TRY(parsed, parse_toml(text, file));
    table_reader top(parsed, file);
    identity_config out;
    out.socket = top.path("socket", true);
    if (const std::string mode = top.text("mode", "0666");
        mode.size() != 4 || mode.front() != '0' || mode.find_first_not_of("01234567") != std::string::npos) {
        top.complain(nullptr, "\"mode\" is written in four octal digits: \"0660\"");
    } else {
        std::from_chars(mode.data(), mode.data() + mode.size(), out.mode, 8);
    }
    for (auto& each : top.tables("principal", true)) {
        out.principals.push_back(read_principal(each));
        BERTH_CHECK(each.finish());
    }
    if (const auto sound = identity::check_principals(out.principals); !sound) {
        top.complain(nullptr, sound.error().message);
    }
    BERTH_CHECK(top.finish());
    return out;
}

}  // namespace berth::app
