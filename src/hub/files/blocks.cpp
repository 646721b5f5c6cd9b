#include "hub/files/blocks.h"

#include "wire/base64.h"

#include <fmt/format.h>

namespace berth::hub {

namespace {

constexpr std::string_view blanks = " \t\r\n";
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr const char* declaration = R"(<?xml version="1.0" encoding="utf-8"?>)";

tl::unexpected<error> bad_list(const char* why) {
    return fail(error_category::usage, "bad_block_list", fmt::format("The list of blocks {}.", why));
}

// What SDKs write of XML, and no more: elements without attributes, and text without references.
class reader {
public:
    explicit reader(std::string_view text) : rest_(text) {}

    void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size())); }
    bool take(std::string_view part) {
        const bool there = rest_.starts_with(part);
        rest_.remove_prefix(there ? part.size() : 0);
        return there;
    }
    // Up to `end`, which is taken off with it. Nothing: there is none.
    std::optional<std::string_view> until(std::string_view end) {
        const size_t at = rest_.find(end);
        if (at == std::string_view::npos) {
            return std::nullopt;
        }
        const auto out = rest_.substr(0, at);
        rest_.remove_prefix(at + end.size());
        return out;
    }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        default: out += c;
        }
    }
    return out;
}

}  // namespace

result<bytes> parse_block_id(std::string_view text) {
    auto id = wire::from_base64(text);
    if (!id || id->empty() || id->size() > most_block_id) {
        return fail(error_category::usage, "bad_block_id",
                    fmt::format("A block's id is base64 of 1 to {} octets.", most_block_id));
    }
    return id;
}

result<std::vector<bytes>> parse_block_list(std::string_view xml) {
    reader in(xml);
    (void)in.take(byte_order_mark);
    in.skip_blanks();
    if (in.take("<?xml") && !in.until("?>")) {
        return bad_list("is no XML");
    }
    in.skip_blanks();
    std::vector<bytes> out;
    if (!in.take("<BlockList/>") && !in.take("<BlockList />")) {
        if (!in.take("<BlockList>")) {
            return bad_list("is no <BlockList>");
        }
        for (in.skip_blanks(); !in.take("</BlockList>"); in.skip_blanks()) {
            const bool latest = in.take("<Latest>");
            if (!latest && !in.take("<Uncommitted>")) {
                return bad_list("has something besides <Latest> and <Uncommitted>");
            }
            const auto text = in.until(latest ? "</Latest>" : "</Uncommitted>");
            if (!text) {
                return bad_list("ends in the middle");
            }
            if (out.size() == most_block_list) {
                return bad_list("is too long");
            }
            BERTH_TRY(id, parse_block_id(*text));
            out.push_back(std::move(id));
        }
    }
    in.skip_blanks();
    return in.at_end() ? result<std::vector<bytes>>(std::move(out)) : bad_list("has something behind it");
}

std::string block_list_xml(const std::vector<put_block>& blocks) {
    std::string out = fmt::format("{}<BlockList><CommittedBlocks></CommittedBlocks><UncommittedBlocks>", declaration);
    for (const auto& one : blocks) {
        out += fmt::format("<Block><Name>{}</Name><Size>{}</Size></Block>", wire::base64(one.id), one.octets);
    }
    return out + "</UncommittedBlocks></BlockList>";
}

std::string storage_error_xml(std::string_view code, std::string_view message) {
    return fmt::format("{}<Error><Code>{}</Code><Message>{}</Message></Error>", declaration, escaped(code), escaped(message));
}

}  // namespace berth::hub
