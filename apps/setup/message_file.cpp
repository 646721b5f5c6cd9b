#include "setup/message_file.h"

#include "common/files.h"
#include "wire/pem.h"

namespace berth::app {

namespace {

tl::unexpected<error> bad_message(const std::filesystem::path& file, const std::string& why) {
    return fail(
        error{error_category::usage, "bad_message", fmt::format("{}: {}", file.string(), why)}.with("path", file.string()));
}

}  // namespace

result<void> write_message(const std::filesystem::path& file, const message_file& message, unsigned mode) {
    const std::string text = wire::to_pem(message.label, message.octets);
    BERTH_CHECK(require_place_of_copy(file, text));
    return write_text(file, text, mode);
}

result<message_file> read_message(const std::filesystem::path& file, std::initializer_list<std::string_view> awaited) {
    BERTH_TRY(text, read_text(file));
    const auto blocks = wire::from_pem(text);
    if (!blocks || blocks->size() != 1) {
        return bad_message(file, "it must hold one message in PEM");
    }
    const auto& block = blocks->front();
    if (std::ranges::find(awaited, block.label) == awaited.end()) {
        return bad_message(file, fmt::format("it holds a {}, and this takes a {}", block.label, fmt::join(awaited, " or a ")));
    }
    return message_file{block.label, to_bytes(block.der.reveal())};
}

}  // namespace berth::app
