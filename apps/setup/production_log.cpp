#include "setup/production_log.h"

#include "common/append.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "keystore/key_uri.h"
#include "pki/private_key_file.h"
#include "setup/keys.h"
#include "wire/base64.h"
#include "wire/pem.h"

#include <cerrno>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view signature_label = "berth production log 1";
constexpr uint64_t lines_between_signatures = 100;

error wrong(std::string name, uint64_t line, const std::string& why) {
    return error{error_category::environment, std::move(name), fmt::format("line {} of the production log: {}", line, why)}.with(
        "line", std::to_string(line));
}

std::array<uint8_t, 32> hash_of(std::string_view line) {
    return to_array<32>(crypto::sha256(as_bytes(line)).view());
}

// What the signature in line `number` signs.
bytes signed_octets(uint64_t number, const std::array<uint8_t, 32>& before) {
    std::array<uint8_t, 8> in_order{};
    for (size_t i = 0; i < in_order.size(); ++i) {
        in_order[i] = static_cast<uint8_t>(number >> (8 * (in_order.size() - 1 - i)));
    }
    const std::array<uint8_t, 1> zero{};
    return concat({as_bytes(signature_label), zero, in_order, before});
}

}  // namespace

result<log_line> production_verifier::next(std::string_view text) {
    const uint64_t number = number_ + 1;
    auto line = wire::parse_json_object(text);
    if (!line) {
        return fail(wrong("log_altered", number, line.error().message));
    }
    const auto told = wire::integer_member(*line, "number");
    const auto previous = wire::text_member(*line, "previous");
    const auto event = wire::text_member(*line, "event");
    if (!told || !previous || !event) {
        return fail(wrong("log_altered", number, "it lacks its number, its event or the hash of the line before"));
    }
    if (static_cast<uint64_t>(*told) != number || *previous != to_hex(hash_)) {
        return fail(wrong("log_altered", number,
                          "it does not follow the line before it: one of them was changed, or lines are "
                          "missing or were put in"));
    }
    number_ = number;
    if (*event == "signature") {
        BERTH_CHECK(check_signature(*line));
        signed_ = number;
    }
    hash_ = hash_of(text);
    return std::move(*line);
}

result<void> production_verifier::check_signature(const log_line& line) const {
    const auto text = wire::text_member(line, "signature");
    const auto signature = text ? wire::from_base64(*text) : result<bytes>(fail(text.error()));
    if (!signature || !key_.verify(signed_octets(number_, hash_), *signature)) {
        return fail(wrong("bad_signature", number_, "its signature is not that of this key over the lines before it"));
    }
    return {};
}

result<log_end> walk_production_log(const fs::path& file, production_verifier& verifier,
                                    const std::function<result<void>(const log_line&)>& each) {
    std::ifstream lines(file, std::ios::binary);
    if (!lines) {
        return cannot("open", file);
    }
    log_end out;
    for (std::string text; std::getline(lines, text);) {
        if (lines.eof()) {
            out.half_a_line = true;
            break;
        }
        auto line = verifier.next(text);
        if (!line) {
            return fail(std::move(line).error().with("file", file.string()));
        }
        BERTH_CHECK(each(*line));
        out.octets += text.size() + 1;
    }
    if (lines.bad()) {
        return cannot("read", file);
    }
    return out;
}

result<std::unique_ptr<production_log>> production_log::open(const fs::path& file, keystore::signing_key_ptr key,
                                                             const clock& time,
                                                             const std::function<result<void>(const log_line&)>& each,
                                                             const std::function<result<void>(const log_line&)>& not_signed) {
    descriptor opened(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!opened) {
        return cannot("open", file);
    }
    if (::flock(opened.get(), LOCK_EX | LOCK_NB) != 0) {
        return fail(error{error_category::environment, "in_use",
                          fmt::format("another process writes {}; wait for its end and try again", file.string())}
                        .with("path", file.string()));
    }
    std::unique_ptr<production_log> out(new production_log(std::move(opened), file, std::move(key), time));
    std::vector<log_line> behind_signature;
    const auto keep = [&](const log_line& line) -> result<void> {
        BERTH_CHECK(each(line));
        behind_signature.push_back(line);
        if (out->told_.unsigned_lines() == 0) {
            behind_signature.clear();
        }
        return {};
    };
    BERTH_TRY(end, walk_production_log(file, out->told_, keep));
    for (const auto& line : behind_signature) {
        BERTH_CHECK(not_signed(line));
    }
    out->octets_ = end.octets;
    if (end.half_a_line && ::ftruncate(out->fd_.get(), static_cast<off_t>(end.octets)) != 0) {
        return cannot("cut", file);
    }
    if (end.octets == 0) {
        // The name of a new file must survive a loss of power as well.
        BERTH_CHECK(sync_directory(file.parent_path()));
    }
    return out;
}

result<void> production_log::append(std::string_view event, log_line about) {
    const std::lock_guard guard(mutex_);
    BERTH_CHECK(write(event, std::move(about)));
    return told_.unsigned_lines() >= lines_between_signatures ? sign_locked() : result<void>();
}

result<void> production_log::sign() {
    const std::lock_guard guard(mutex_);
    return told_.unsigned_lines() > 0 ? sign_locked() : result<void>();
}

result<void> production_log::sign_locked() {
    BERTH_TRY(signature, key_->sign(signed_octets(told_.lines() + 1, told_.hash())));
    return write("signature", {{"signature", wire::base64(signature)}});
}

result<void> production_log::write(std::string_view event, log_line about) {
    log_line line{{"number", told_.lines() + 1}, {"at", to_iso8601(time_.now())}, {"event", event}};
    for (auto& [name, value] : about) {
        line.insert_or_assign(name, std::move(value));
    }
    line["previous"] = to_hex(told_.hash());
    const std::string text = wire::to_text(line) + "\n";
    if (text.size() > wire::json_most_octets) {  // nobody could read it again
        return fail(error{error_category::usage, "too_large",
                          fmt::format("a line of {} would have {} octets, and {} is most that one has: make smaller lots",
                                      file_.string(), text.size(), wire::json_most_octets)}
                        .with("path", file_.string()));
    }
    BERTH_CHECK(append_durably(fd_.get(), text, octets_, file_));
    octets_ += text.size();
    BERTH_CHECK(told_.next(std::string_view(text).substr(0, text.size() - 1)));
    return {};
}

result<keystore::signing_key_ptr> production_key(const fs::path& directory, const std::optional<secret_bytes>& passphrase,
                                                 random_source& random) {
    BERTH_TRY(elsewhere, is_there(directory / "production.uri"));
    BERTH_TRY(there, is_there(directory / "production.key"));
    if (!elsewhere && !there) {
        // Two may come here at once: the name that is given first counts.
        BERTH_TRY(below, make_temporary_directory("production", directory));
        const auto made = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, random);
        const auto saved = pki::save_private_key((below / "key").string(), made, passphrase);
        const bool named =
            saved && (::link((below / "key").c_str(), (directory / "production.key").c_str()) == 0 || errno == EEXIST);
        auto failed = saved ? cannot("make", directory / "production.key") : fail(saved.error());
        std::error_code ignored;
        fs::remove_all(below, ignored);
        if (!named) {
            return failed;
        }
    }
    BERTH_TRY(name, key_name(directory, "production"));
    BERTH_TRY(key, keystore::open_signing_key(name, {directory.string(), passphrase}));
    BERTH_TRY(told, is_there(directory / "production.pub"));
    if (!told) {
        BERTH_CHECK(write_text(directory / "production.pub", wire::to_pem("PUBLIC KEY", key->public_key().spki())));
    }
    return key;
}

result<crypto::verification_key> read_verification_key(const fs::path& file) {
    BERTH_TRY(text, read_text(file));
    const auto blocks = wire::from_pem(text);
    if (!blocks || blocks->size() != 1 || blocks->front().label != "PUBLIC KEY") {
        return fail(error{error_category::usage, "bad_public_key", fmt::format("{} is no public key in PEM", file.string())}.with(
            "path", file.string()));
    }
    auto key = crypto::verification_key::from_spki(blocks->front().der.reveal());
    if (!key) {
        error e = std::move(key).error().during(file.string());
        e.category = error_category::usage;
        return fail(std::move(e));
    }
    return key;
}

}  // namespace berth::app
