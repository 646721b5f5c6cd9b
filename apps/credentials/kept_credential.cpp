#include "credentials/kept_credential.h"

#include "base/log.h"
#include "common/files.h"
#include "keystore/operations.h"
#include "keystore/software.h"
#include "pki/private_key_file.h"
#include "store/fault_point.h"
#include "wire/json.h"

#include <charconv>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

// A lock on a file, as long as this lives.
class file_lock {
public:
    static result<file_lock> take(const fs::path& file, bool wait) {
        const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            return cannot("open", file);
        }
        file_lock out(fd);
        int failed = -1;
        do {
            failed = ::flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
        } while (failed != 0 && errno == EINTR);
        if (failed != 0 && errno == EWOULDBLOCK) {
            return fail(error_category::environment, "agent_running",
                        "another berth-agent keeps this device's credentials already: nothing needs to be done beside it");
        }
        if (failed != 0) {
            return cannot("lock", file);
        }
        return out;
    }
    file_lock(file_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    file_lock& operator=(file_lock&&) = delete;
    ~file_lock() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    int release() { return std::exchange(fd_, -1); }

private:
    explicit file_lock(int fd) : fd_(fd) {}
    int fd_;
};

std::optional<uint32_t> number_of(const std::string& name) {
    uint32_t out = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), out);
    return bad == std::errc() && end == name.data() + name.size() && out > 0 ? std::optional(out) : std::nullopt;
}

// The names in a directory; nothing where it is not there.
std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> out;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(directory, ec)) {
        out.push_back(entry.path().filename().string());
    }
    return out;
}

uint32_t current_of(const fs::path& directory) {
    std::error_code ec;
    const auto to = fs::read_symlink(directory / "current", ec);
    return ec ? 0 : number_of(to.string()).value_or(0);
}

wire::json::object to_json(const generation_state& s) {
    return {{"renew_at", s.renew_at}, {"accepted", s.accepted}, {"tries", s.tries}, {"hooks", s.hooks}};
}

result<generation_state> parse_generation_state(std::string_view text) {
    BERTH_TRY(object, wire::parse_json_object(text));
    generation_state out;
    BERTH_TRY(renew_at, wire::integer_member(object, "renew_at"));
    BERTH_TRY(tries, wire::integer_member(object, "tries"));
    BERTH_TRY(hooks, wire::text_member(object, "hooks"));
    const auto* accepted = object.if_contains("accepted");
    out.renew_at = renew_at;
    out.accepted = accepted && accepted->is_bool() && accepted->get_bool();
    out.tries = static_cast<uint32_t>(std::clamp<int64_t>(tries, 0, UINT32_MAX));
    out.hooks = hooks;
    return out;
}

// The URI of the key in a generation's directory; empty: it has none yet.
result<std::string> key_in(const fs::path& generation) {
    BERTH_TRY(in_file, is_there(generation / "key.pem"));
    if (in_file) {
        return "file:" + (generation / "key.pem").string();
    }
    BERTH_TRY(named, is_there(generation / "key.uri"));
    if (!named) {
        return std::string();
    }
    BERTH_TRY(text, read_text(generation / "key.uri"));
    return text.substr(0, text.find('\n'));
}

bool is_absent(const error& e) {
    return e.is("key_not_found") || e.is("file_not_found");
}

result<key_handle> open_as(const key_algorithm& algorithm, const std::string& uri, const keystore::open_options& how) {
    if (std::holds_alternative<crypto::kem_algorithm>(algorithm)) {
        BERTH_TRY(key, keystore::open_kem_key(uri, how));
        return key_handle(std::move(key));
    }
    BERTH_TRY(key, keystore::open_signing_key(uri, how));
    return key_handle(std::move(key));
}

key_algorithm algorithm_of(const key_handle& key) {
    return std::visit([](const auto& k) -> key_algorithm { return k->algorithm(); }, key);
}

result<key_handle> make_file(const key_algorithm& algorithm, const fs::path& file, const std::optional<secret_bytes>& passphrase,
                             random_source& random) {
    if (const auto* signing = std::get_if<crypto::signature_algorithm>(&algorithm)) {
        auto key = crypto::signing_key::generate(*signing, random);
        BERTH_CHECK(pki::save_private_key(file.string(), key, passphrase));
        return key_handle(keystore::software_signing_key(std::move(key)));
    }
    auto key = crypto::kem_private_key::generate(std::get<crypto::kem_algorithm>(algorithm), random);
    BERTH_CHECK(pki::save_private_key(file.string(), key, passphrase));
    return key_handle(keystore::software_kem_key(std::move(key)));
}

// Usable generations of `all` apart from one.
bool another_is_good(const kept_credential& all, uint32_t but, unix_seconds now) {
    const auto held = all.held();
    for (size_t i = 0; i < held.size(); ++i) {
        if (all.certified[i].number != but && held[i].accepted && state_of(held[i], now) == est::credential_state::usable) {
            return true;
        }
    }
    return false;
}

}  // namespace

bytes_view spki_of(const key_handle& key) {
    return std::visit([](const auto& k) -> bytes_view { return k->public_key().spki(); }, key);
}

std::vector<est::held_credential> kept_credential::held() const {
    std::vector<est::held_credential> out;
    for (const auto& each : certified) {
        out.push_back({est::lifetime::of(each.chain.front()), each.state.accepted, false});
    }
    return out;
}

const generation* kept_credential::numbered(uint32_t number) const {
    const auto found = std::ranges::find(certified, number, &generation::number);
    return found == certified.end() ? nullptr : &*found;
}

credential_files::credential_files(const device_bundle& bundle, std::string name)
    : bundle_(bundle), name_(std::move(name)), directory_(bundle.directory / "credentials" / name_) {}

keystore::open_options credential_files::how() const {
    return {bundle_.directory.string(), bundle_.passphrase};
}

// ---- reading

result<generation> credential_files::read(uint32_t number) const {
    const fs::path in = path_of(number);
    generation out;
    out.number = number;
    BERTH_TRY(key, key_in(in));
    out.key = std::move(key);
    BERTH_TRY(there, is_there(in / "certificate.pem"));
    if (!there) {
        return out;
    }
    BERTH_TRY(chain, read_chain(in / "certificate.pem"));
    out.chain = std::move(chain);
    BERTH_TRY(text, read_text(in / "state.json"));
    if (auto state = parse_generation_state(text)) {
        out.state = std::move(*state);
    } else {
        log::failure("credential_state_damaged", state.error(), {{"credential", name_}});  // it is renewed at once
    }
    return out;
}

result<kept_credential> credential_files::read_all() const {
    kept_credential out;
    out.name = name_;
    out.current = current_of(directory_);
    std::vector<uint32_t> numbers;
    for (const auto& each : names_in(directory_)) {
        if (const auto number = number_of(each)) {
            numbers.push_back(*number);
        }
    }
    std::ranges::sort(numbers, std::greater<>());
    for (const uint32_t number : numbers) {
        auto read_one = read(number);
        if (!read_one) {
            log::failure("credential_damaged", read_one.error(), {{"credential", name_}, {"generation", number}});
        } else if (!read_one->chain.empty()) {
            out.certified.push_back(std::move(*read_one));
        } else if (out.certified.empty() && !out.awaited) {
            out.awaited = std::move(*read_one);
        }
    }
    return out;
}

result<kept_credential> credential_files::look() const {
    return read_all();
}

result<key_handle> credential_files::open(const generation& g) const {
    const auto& leaf = g.chain.front();
    auto key = leaf.is_kem() ? open_as(crypto::kem_algorithm::mlkem768, g.key, how())
                             : open_as(crypto::signature_algorithm::mldsa65, g.key, how());
    if (key && !same_octets(spki_of(*key), leaf.spki())) {
        return fail(error_category::environment, "key_mismatch",
                    fmt::format("{} is not the key of {}", g.key, (path_of(g.number) / "certificate.pem").string()));
    }
    return key;
}

// ---- changing

result<void> credential_files::write_state(uint32_t number, const generation_state& s) const {
    return write_text(path_of(number) / "state.json", wire::to_text(to_json(s)) + "\n", 0644);
}

template <class Change>
result<void> credential_files::change(uint32_t number, Change how) const {
    BERTH_TRY(lock, file_lock::take(directory_ / "lock", true));
    BERTH_TRY(g, read(number));
    if (g.chain.empty()) {
        return fail(error_category::environment, "no_such_generation",
                    fmt::format("{} has no certificate", path_of(number).string()));
    }
    how(g.state);
    return write_state(number, g.state);
}

result<void> credential_files::tried(uint32_t number) const {
    return change(number, [](generation_state& s) { ++s.tries; });
}

result<void> credential_files::not_tried(uint32_t number) const {
    return change(number, [](generation_state& s) { s.tries -= s.tries > 0 ? 1 : 0; });
}

result<void> credential_files::accepted(uint32_t number) const {
    auto done = change(number, [](generation_state& s) { s.accepted = true; });
    BERTH_FAULT_POINT("credential.after_accepted");
    return done;
}

result<void> credential_files::hooked(uint32_t number, const std::string& outcome) const {
    return change(number, [&](generation_state& s) { s.hooks = outcome; });
}

result<void> credential_files::certified(uint32_t number, const std::vector<pki::certificate>& chain,
                                         unix_seconds renew_at) const {
    BERTH_TRY(lock, file_lock::take(directory_ / "lock", true));
    BERTH_TRY(g, read(number));
    if (g.key.empty() || !g.chain.empty()) {
        return fail(error_category::internal, "not_awaited", fmt::format("no key waits in {}", path_of(number).string()));
    }
    // The certificate is what makes it a generation: last.
    BERTH_CHECK(write_state(number, {.renew_at = renew_at}));
    BERTH_FAULT_POINT("credential.before_certificate");
    BERTH_CHECK(write_text(path_of(number) / "certificate.pem", pki::to_pem(chain)));
    BERTH_FAULT_POINT("credential.after_certificate");
    return {};
}

result<void> credential_files::point_to(uint32_t number) const {
    const fs::path fresh = directory_ / "current.new";
    std::error_code ec;
    fs::remove(fresh, ec);
    fs::create_directory_symlink(std::to_string(number), fresh, ec);
    if (ec) {
        return cannot("make the link", fresh, ec);
    }
    BERTH_FAULT_POINT("credential.before_current");
    if (::rename(fresh.c_str(), (directory_ / "current").c_str()) != 0) {
        return cannot("switch", directory_ / "current");
    }
    BERTH_FAULT_POINT("credential.after_current");
    return sync_directory(directory_);
}

// What lies in `gone` goes: first its key in a chip, unless another generation is of the same key.
result<void> credential_files::clear(const fs::path& gone, const kept_credential& all) const {
    BERTH_TRY(uri, key_in(gone));
    const auto same_key = [&uri](const generation& g) { return g.key == uri; };
    const bool needed = std::ranges::any_of(all.certified, same_key) || (all.awaited && same_key(*all.awaited));
    if (!uri.empty() && !uri.starts_with("file:") && !needed) {
        auto removed = keystore::remove_key(uri, how());
        if (!removed && removed.error().is("file_not_found")) {
            removed = keystore::remove_key(keystore::without_file(uri), how());
        }
        if (!removed && !is_absent(removed.error())) {
            return removed;
        }
    }
    BERTH_FAULT_POINT("credential.before_removal");
    std::error_code ec;
    fs::remove_all(gone, ec);
    return ec ? result<void>(cannot("remove", gone, ec)) : result<void>{};
}

result<void> credential_files::discard(uint32_t number, const kept_credential& all) const {
    // Under another name first: what is half gone is no generation.
    const fs::path gone = directory_ / fmt::format("{}.gone", number);
    if (::rename(path_of(number).c_str(), gone.c_str()) != 0) {
        return cannot("rename", path_of(number));
    }
    BERTH_CHECK(sync_directory(directory_));
    return clear(gone, all);
}

result<kept_credential> credential_files::mend(unix_seconds now) const {
    BERTH_CHECK(make_directory(directory_, 0755));
    BERTH_TRY(lock, file_lock::take(directory_ / "lock", true));
    BERTH_TRY(all, read_all());
    for (const auto& each : names_in(directory_)) {
        if (each.ends_with(".gone")) {
            BERTH_CHECK(clear(directory_ / each, all));
        }
    }
    const auto held = all.held();
    const auto good = [&](size_t i) { return state_of(held[i], now) == est::credential_state::usable; };
    uint32_t best = 0;
    for (size_t i = 0; i < held.size() && best == 0; ++i) {
        best = good(i) && held[i].accepted ? all.certified[i].number : 0;
    }
    for (size_t i = 0; i < held.size() && best == 0; ++i) {
        best = good(i) ? all.certified[i].number : 0;
    }
    if (best != 0 && best != all.current) {
        BERTH_CHECK(point_to(best));
        all.current = best;
    }
    // The oldest first: what is told is never that a newer one is gone and an older one is not.
    for (size_t i = held.size(); i-- > 0;) {
        const uint32_t number = all.certified[i].number;
        if (number != all.current && est::may_discard(held, i, now)) {
            all.certified.erase(all.certified.begin() + static_cast<std::ptrdiff_t>(i));
            BERTH_CHECK(discard(number, all));
        }
    }
    return all;
}

// ---- keys

result<std::string> credential_files::free_place(const kept_wish& wish, const kept_credential& all, unix_seconds now) const {
    const auto user_of = [&](const std::string& place) { return std::ranges::find(all.certified, place, &generation::key); };
    if (wish.places.size() == 1) {
        return wish.places.front();
    }
    for (const auto& place : wish.places) {
        if (user_of(place) == all.certified.end()) {
            return place;
        }
    }
    // One that nobody has accepted makes room, where the one before it is good.
    const auto& newest = all.certified.front();
    if (!newest.state.accepted && newest.number != all.current && another_is_good(all, newest.number, now)) {
        auto rest = all;
        rest.certified.erase(rest.certified.begin());
        BERTH_CHECK(discard(newest.number, rest));
        return newest.key;
    }
    return fail(error_category::environment, "no_place",
                fmt::format("both places for the keys of \"{}\" are taken by keys that are still needed", name_));
}

result<key_handle> credential_files::make_in_chip(const kept_wish& wish, const std::string& place, const kept_credential& all,
                                                  uint32_t number) const {
    const fs::path note = path_of(number) / "key.uri";
    BERTH_TRY(noted, is_there(note));
    const bool ours = noted || std::ranges::any_of(all.certified, [&](const auto& g) { return g.key == place; });
    auto there = open_as(wish.algorithm, place, how());
    if (there && !ours) {
        return fail(error{error_category::environment, "key_exists",
                          fmt::format("{}, where the key of the credential \"{}\" is to be made, holds a key of something else; "
                                      "berth key delete makes room if nobody needs it",
                                      place, name_)}
                        .with("uri", place));
    }
    if (!there && !is_absent(there.error())) {
        return there;
    }
    if (!noted) {
        BERTH_CHECK(write_text(note, place + "\n", 0600));
    }
    BERTH_FAULT_POINT("credential.after_note");
    if (there) {
        return there;
    }
    if (const auto* signing = std::get_if<crypto::signature_algorithm>(&wish.algorithm)) {
        BERTH_TRY(key, keystore::make_signing_key(place, *signing, how()));
        return key_handle(std::move(key));
    }
    BERTH_TRY(key, keystore::make_kem_key(place, std::get<crypto::kem_algorithm>(wish.algorithm), how()));
    return key_handle(std::move(key));
}

result<credential_files::awaited_key> credential_files::await_key(const kept_wish& wish, unix_seconds now,
                                                                  random_source& random) const {
    BERTH_CHECK(make_directory(directory_, 0755));
    BERTH_TRY(lock, file_lock::take(directory_ / "lock", true));
    BERTH_TRY(all, read_all());
    const bool in_chip = !wish.places.empty();
    if (all.awaited && !all.awaited->key.empty()) {
        // Asked for before, perhaps: the same key again, unless the configuration wants another by now.
        const bool placed = in_chip ? std::ranges::find(wish.places, all.awaited->key) != wish.places.end()
                                    : all.awaited->key.starts_with("file:");
        auto key = !placed   ? result<key_handle>(fail(error_category::usage, "key_not_found", "elsewhere"))
                   : in_chip ? make_in_chip(wish, all.awaited->key, all, all.awaited->number)
                             : open_as(wish.algorithm, all.awaited->key, how());
        if (key && algorithm_of(*key) == wish.algorithm) {
            return awaited_key{all.awaited->number, std::move(*key)};
        }
        if (!key && placed && !key.error().is("wrong_key_kind")) {
            return fail(std::move(key).error());
        }
        auto rest = all;
        rest.awaited.reset();
        BERTH_CHECK(discard(all.awaited->number, rest));
    }
    uint32_t number = 1;
    for (const auto& each : names_in(directory_)) {
        number = std::max(number, number_of(each.substr(0, each.find('.'))).value_or(0) + 1);
    }
    if (all.awaited && all.awaited->key.empty()) {
        number = all.awaited->number;
    }
    std::string place;
    if (in_chip) {
        BERTH_TRY(free, free_place(wish, all, now));
        place = std::move(free);
        BERTH_TRY(left, read_all());  // one may have made room
        all = std::move(left);
    }
    BERTH_CHECK(make_directory(path_of(number), 0755));
    BERTH_FAULT_POINT("credential.before_key");
    BERTH_TRY(key, in_chip ? make_in_chip(wish, place, all, number)
                           : make_file(wish.algorithm, path_of(number) / "key.pem", bundle_.passphrase, random));
    BERTH_CHECK(sync_directory(directory_));
    BERTH_FAULT_POINT("credential.after_key");
    return awaited_key{number, std::move(key)};
}

// ---- one keeper

result<keeping_lock> keeping_lock::take(const fs::path& bundle) {
    BERTH_CHECK(make_directory(bundle / "credentials", 0755));
    BERTH_TRY(held, file_lock::take(bundle / "credentials" / "agent.lock", false));
    return keeping_lock(held.release());
}

keeping_lock::~keeping_lock() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

}  // namespace berth::app
