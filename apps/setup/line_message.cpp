#include "setup/line_message.h"

#include "common/files.h"
#include "wire/base64.h"
#include "wire/json.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 4> step_names{"request", "challenge", "answer", "grant"};

// Each part behind its length: no two messages are signed alike.
bytes signed_octets(const line_message& m) {
    bytes out = to_bytes(as_bytes("berth line message 1"));
    for (const bytes_view part : {as_bytes(to_string(m.step)), as_bytes(m.order), as_bytes(m.serial), bytes_view(m.octets)}) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            out.push_back(static_cast<uint8_t>(part.size() >> static_cast<unsigned>(shift)));
        }
        append(out, part);
    }
    return out;
}

}  // namespace

std::string_view to_string(line_step step) {
    return step_names[static_cast<size_t>(step)];
}

result<void> write_line_message(const fs::path& directory, const line_message& message, const keystore::signing_key& by) {
    BERTH_CHECK(make_directory(directory));
    BERTH_TRY(signature, by.sign(signed_octets(message)));
    const wire::json::object json{
        {"berth_line_message", 1},  {"step", to_string(message.step)},        {"order", message.order},
        {"serial", message.serial}, {"octets", wire::base64(message.octets)}, {"signature", wire::base64(signature)}};
    return write_text(directory / fmt::format("{}.{}", message.serial, to_string(message.step)), wire::to_text(json) + "\n");
}

result<line_message> read_line_message(const fs::path& file) {
    BERTH_TRY(text, read_text(file));
    const auto read = [&text]() -> result<line_message> {
        BERTH_TRY(json, wire::parse_json_object(text));
        BERTH_TRY(version, wire::integer_member(json, "berth_line_message"));
        BERTH_TRY(step, wire::text_member(json, "step"));
        line_message out;
        const auto* const named = std::ranges::find(step_names, step);
        if (version != 1 || named == step_names.end()) {
            return fail(error_category::usage, "bad_message", "it is of a kind that is not known here");
        }
        out.step = static_cast<line_step>(named - step_names.begin());
        BERTH_TRY(order, wire::text_member(json, "order"));
        BERTH_TRY(serial, wire::text_member(json, "serial"));
        BERTH_TRY(octets_text, wire::text_member(json, "octets"));
        BERTH_TRY(octets, wire::from_base64(octets_text));
        out.order = std::move(order);
        out.serial = std::move(serial);
        out.octets = std::move(octets);
        BERTH_TRY(signature_text, wire::text_member(json, "signature"));
        BERTH_TRY(signature, wire::from_base64(signature_text));
        out.signature = std::move(signature);
        return out;
    }();
    return read ? read
                : result<line_message>(
                      fail(error{error_category::usage, "bad_message",
                                 fmt::format("{} is no message of a line: {}", file.string(), read.error().message)}
                               .with("path", file.string())));
}

result<void> check_line_signature(const line_message& message, const crypto::verification_key& key, std::string_view whose) {
    if (!key.verify(signed_octets(message), message.signature)) {
        return fail(error_category::peer, "bad_signature", fmt::format("the message was changed, or is not of {}", whose));
    }
    return {};
}

result<std::vector<fs::path>> find_line_messages(const fs::path& directory, std::initializer_list<line_step> steps) {
    std::vector<fs::path> out;
    std::error_code ec;
    for (fs::directory_iterator entry(directory, ec), end; !ec && entry != end; entry.increment(ec)) {
        for (const auto step : steps) {
            if (entry->path().extension() == "." + std::string(to_string(step))) {
                out.push_back(entry->path());
            }
        }
    }
    if (ec) {
        return fail(error{error_category::environment, "file_error",
                          fmt::format("cannot read directory {}: {}", directory.string(), ec.message())}
                        .with("path", directory.string()));
    }
    if (out.empty()) {
        std::string names;
        for (const auto step : steps) {
            names += (names.empty() ? "SERIAL." : " or SERIAL.") + std::string(to_string(step));
        }
        return fail(error{error_category::environment, "file_not_found",
                          fmt::format("there is no {} in {}: is it the right directory?", names, directory.string())}
                        .with("path", directory.string()));
    }
    std::ranges::sort(out);
    return out;
}

}  // namespace berth::app
