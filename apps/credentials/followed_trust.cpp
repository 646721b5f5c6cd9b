#include "credentials/followed_trust.h"

#include "base/log.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "est/ca_certificates.h"

#include <charconv>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr size_t most_followed = 16;  // rollovers of one server
constexpr std::string_view told_at = "at ";

std::string id_of(const kept_source& source) {
    crypto::hasher h(crypto::hash_algorithm::sha256);
    h.update(as_bytes(source.at.text() + "\n" + source.host + "\n" + source.label));
    return to_hex(to_array<32>(h.finish().view())).substr(0, 16);
}

struct received_once {
    unix_seconds at = 0;
    std::vector<pki::certificate> certificates;
};

result<received_once> read(const fs::path& file) {
    received_once out;
    BERTH_TRY(text, read_text(file));
    const std::string_view line = std::string_view(text).substr(0, text.find('\n'));
    const bool marked = line.starts_with(told_at);
    const auto [end, bad] = std::from_chars(line.data() + (marked ? told_at.size() : 0), line.data() + line.size(), out.at);
    if (!marked || bad != std::errc() || end != line.data() + line.size()) {
        return fail(error_category::environment, "file_error", file.string() + " does not begin with the instant it is of");
    }
    BERTH_TRY(certificates, read_chain(file));
    out.certificates = std::move(certificates);
    return out;
}

}  // namespace

followed_trust::followed_trust(const fs::path& bundle, const kept_source& source)
    : configured_(source.trust), directory_(bundle / "est-trust" / id_of(source)) {}

// In the order in which they were written.
std::vector<fs::path> followed_trust::files() const {
    std::vector<fs::path> out;
    std::error_code ec;
    for (size_t number = 1; number <= most_followed; ++number) {
        const fs::path file = directory_ / fmt::format("{}.pem", number);
        if (!fs::exists(file, ec)) {
            break;
        }
        out.push_back(file);
    }
    return out;
}

result<std::vector<pki::certificate>> followed_trust::anchors() const {
    BERTH_TRY(out, read_anchors({configured_}));
    for (const auto& file : files()) {
        const auto kept = read(file);
        if (!kept) {
            log::failure("trust_damaged", kept.error());
            continue;
        }
        // No link any more: est.toml names others now.
        if (const auto update = est::update_trust(out, kept->certificates, kept->at)) {
            out.insert(out.end(), update->added.begin(), update->added.end());
        }
    }
    return out;
}

result<std::vector<pki::certificate>> followed_trust::learn(std::span<const pki::certificate> received, unix_seconds now) const {
    BERTH_TRY(known, anchors());
    const auto update = est::update_trust(known, received, now);
    // A server whose CA is another than the one that vouches for it says nothing about whom to trust.
    if (!update || update->added.empty()) {
        return std::vector<pki::certificate>{};
    }
    const size_t number = files().size() + 1;
    if (number > most_followed) {
        return fail(
            error_category::environment, "too_many_rollovers",
            fmt::format("{} has {} rollovers already: name the present root in est.toml (trust), and remove the directory",
                        directory_.string(), most_followed));
    }
    BERTH_CHECK(make_directory(directory_, 0755));
    BERTH_CHECK(write_text(
        directory_ / fmt::format("{}.pem", number),
        fmt::format("{}{}\n{}", told_at, now, pki::to_pem(std::vector<pki::certificate>(received.begin(), received.end())))));
    return update->added;
}

}  // namespace berth::app
