#include "setup/factory_lists.h"

#include "base/descriptor.h"
#include "common/append.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "pki/private_key_file.h"
#include "setup/keys.h"
#include "wire/json.h"

#include <cerrno>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* issued_file = "issued.jsonl";
constexpr std::array authorities{"idevid-ca", "idevid-ca-classical", "z1"};
constexpr unix_seconds clock_skew = 60;
// Nothing is ever taken off: of some 500 000 certificates, and lists that are as long.
constexpr size_t most_record_octets = 64 * 1024 * 1024;

struct revoked {
    std::string certificate;  // its serial number, hexadecimal
    std::string serial;       // the device's; empty: of something else
    unix_seconds at = 0;
    pki::revocation_reason reason = pki::revocation_reason::unspecified;
};
struct records {
    uint64_t number = 0;  // of the last list
    std::vector<revoked> all;
};

fs::path file_of(const fs::path& factory, const std::string& issuer) {
    return factory / (issuer + ".revoked.json");
}

result<records> read_records(const fs::path& file) {
    records out;
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return out;
    }
    const auto parsed = [&]() -> result<void> {
        BERTH_TRY(text, pki::read_file(file.string(), most_record_octets));
        BERTH_TRY(json, wire::parse_json_object(as_text(text), most_record_octets));
        BERTH_TRY(number, wire::integer_member(json, "number"));
        out.number = static_cast<uint64_t>(number);
        const auto* const list = json.if_contains("revoked");
        if (!list || !list->is_array()) {
            return fail(error_category::usage, "bad_json", "\"revoked\" must be an array");
        }
        for (const auto& item : list->get_array()) {
            if (!item.is_object()) {
                return fail(error_category::usage, "bad_json", "\"revoked\" must hold objects");
            }
            BERTH_TRY(certificate, wire::text_member(item.get_object(), "certificate"));
            BERTH_TRY(serial, wire::text_member(item.get_object(), "serial"));
            BERTH_TRY(at, wire::integer_member(item.get_object(), "at"));
            BERTH_TRY(reason, wire::text_member(item.get_object(), "reason"));
            BERTH_TRY(named, revocation_reason_named(reason));
            out.all.push_back({certificate, serial, at, named});
        }
        return {};
    }();
    if (!parsed) {
        return fail(error(parsed.error()).during(file.string()).with("path", file.string()));
    }
    return out;
}

result<void> write_records(const fs::path& file, const records& what) {
    wire::json::array list;
    for (const auto& r : what.all) {
        list.push_back(wire::json::object{
            {"certificate", r.certificate}, {"serial", r.serial}, {"at", r.at}, {"reason", pki::to_string(r.reason)}});
    }
    const std::string text = wire::to_text(wire::json::object{{"number", what.number}, {"revoked", std::move(list)}}) + "\n";
    if (text.size() > most_record_octets) {
        return fail(error{error_category::usage,
                          "too_many_revoked",
                          fmt::format("{} would be too large to be read again: nothing was changed. So many are revoked by "
                                      "revoking their CA (ca_compromise), and a new one",
                                      file.string()),
                          {{"path", file.string()}}});
    }
    return write_text(file, text, 0600);
}

// One process at a time changes the factory's records; the lock goes with the descriptor.
result<descriptor> lock(const fs::path& factory) {
    descriptor held(::open(factory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!held) {
        return cannot("open", factory);
    }
    if (::flock(held.get(), LOCK_EX) != 0) {
        return cannot("lock", factory);
    }
    return held;
}

struct named_authority {
    std::string name;
    pki::certificate certificate;
};

// A factory that was set up before there were chips lacks the one for them.
result<std::vector<named_authority>> read_authorities(const fs::path& factory) {
    std::vector<named_authority> out;
    for (const std::string name : authorities) {
        const fs::path file = factory / (name + ".pem");
        BERTH_TRY(there, is_there(file));
        if (there || name != "idevid-ca-classical") {
            BERTH_TRY(authority, read_certificate(file));
            out.push_back({name, std::move(authority)});
        }
    }
    return out;
}

struct found_certificate {
    std::string issuer, certificate, serial;
};

result<named_authority> issuer_of(const fs::path& factory, const pki::certificate& leaf) {
    BERTH_TRY(all, read_authorities(factory));
    for (auto& authority : all) {
        if (leaf.issuer() == authority.certificate.subject() && leaf.check_signature(authority.certificate)) {
            return std::move(authority);
        }
    }
    return fail(error{error_category::usage,
                      "unknown_issuer",
                      fmt::format("the certificate of {} was not issued by the factory in {}", leaf.subject(), factory.string()),
                      {{"subject", leaf.subject()}}});
}

// ---- issued.jsonl: each line tells of what one CA has issued to one device

struct issued {
    std::string serial, issuer;  // the CA's key, hashed: its name may be a newer CA's by now
    std::vector<std::string> certificates;
    std::vector<std::string> keys;  // certified_keys::of(); none in a line of before they were kept
};

std::string to_line(const issued& device) {
    return wire::to_text(
               wire::json::object{{"serial", device.serial},
                                  {"issuer", device.issuer},
                                  {"certificates", wire::json::array(device.certificates.begin(), device.certificates.end())},
                                  {"keys", wire::json::array(device.keys.begin(), device.keys.end())}}) +
           "\n";
}

result<void> read_texts(const wire::json::object& json, const char* name, std::vector<std::string>& into) {
    const auto* const list = json.if_contains(name);
    if (!list || !list->is_array()) {
        return fail(error_category::usage, "bad_json", fmt::format("\"{}\" must be an array", name));
    }
    for (const auto& item : list->get_array()) {
        if (!item.is_string()) {
            return fail(error_category::usage, "bad_json", fmt::format("\"{}\" must hold texts", name));
        }
        into.emplace_back(item.get_string());
    }
    return {};
}

result<issued> parse_line(std::string_view line) {
    BERTH_TRY(json, wire::parse_json_object(line));
    BERTH_TRY(serial, wire::text_member(json, "serial"));
    BERTH_TRY(issuer, wire::text_member(json, "issuer"));
    issued out{serial, issuer, {}, {}};
    BERTH_CHECK(read_texts(json, "certificates", out.certificates));
    if (json.contains("keys")) {
        BERTH_CHECK(read_texts(json, "keys", out.keys));
    }
    return out;
}

// Where the next line may begin: behind the last whole one. A line that lacks its end alone (an editor's work) gets it.
result<off_t> mend_end(int fd, const fs::path& file) {
    struct stat about{};
    if (::fstat(fd, &about) != 0) {
        return cannot("look at", file);
    }
    constexpr off_t most_line = 64 * 1024;
    const off_t from = std::max<off_t>(0, about.st_size - most_line);
    std::string tail(static_cast<size_t>(about.st_size - from), '\0');
    if (::pread(fd, tail.data(), tail.size(), from) != static_cast<ssize_t>(tail.size())) {
        return cannot("read", file);
    }
    const size_t end = tail.rfind('\n');
    const std::string_view rest = std::string_view(tail).substr(end == std::string::npos ? 0 : end + 1);
    if (rest.empty()) {
        return about.st_size;
    }
    if (parse_line(rest)) {
        if (::write(fd, "\n", 1) != 1) {
            return cannot("write", file);
        }
        return about.st_size + 1;
    }
    const off_t whole = about.st_size - static_cast<off_t>(rest.size());
    if (end == std::string::npos && from > 0) {
        return fail(error{error_category::environment,
                          "damaged_file",
                          fmt::format("{} ends with {} octets that are no line: mend it first", file.string(), rest.size()),
                          {{"path", file.string()}}});
    }
    if (::ftruncate(fd, whole) != 0) {
        return cannot("cut", file);
    }
    return whole;
}

tl::unexpected<error> damaged_line(const fs::path& file, size_t number, const error& why) {
    return fail(
        error{error_category::environment,
              "damaged_file",
              fmt::format("line {} of {} cannot be read ({}) and may be this device's; mend it, or name the device by its "
                          "bundle (./NAME), or by its z3.pem and z3-sig.pem",
                          number, file.string(), why.message),
              {{"path", file.string()}, {"line", std::to_string(number)}}});
}

// Nothing: no line is about that serial. Those of former CAs are counted where that is asked for.
result<std::vector<found_certificate>> find_serial(const fs::path& factory, const std::string& serial,
                                                   size_t* elsewhere = nullptr) {
    std::vector<found_certificate> out;
    const fs::path file = factory / issued_file;
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return out;
    }
    BERTH_TRY(present, read_authorities(factory));
    std::ifstream lines(file);
    if (!lines) {
        return cannot("open", file);
    }
    size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        const auto device = parse_line(line);
        if (!device && lines.eof()) {
            break;  // half a line: its device was not made
        }
        if (!device) {
            return damaged_line(file, number, device.error());
        }
        if (device->serial != serial) {
            continue;
        }
        const auto by = std::ranges::find(present, device->issuer,
                                          [](const named_authority& a) { return to_hex(a.certificate.spki_sha256()); });
        if (by == present.end() && elsewhere != nullptr) {
            *elsewhere += device->certificates.size();
            continue;
        }
        if (by == present.end()) {
            return fail(error{error_category::usage,
                              "unknown_issuer",
                              fmt::format("the certificates of {} (line {} of {}) were issued by another CA than the present "
                                          "ones, whose lists would not revoke them; its former one must",
                                          serial, number, file.string()),
                              {{"serial", serial}}});
        }
        for (const auto& c : device->certificates) {
            out.push_back({by->name, c, serial});
        }
    }
    if (lines.bad()) {
        return cannot("read", file);
    }
    return out;
}

result<std::vector<found_certificate>> find(const fs::path& factory, const std::string& what) {
    BERTH_TRY(there, is_there(what));
    // What lies in the working directory under a serial's name may be anybody's.
    if (!there || what.find('/') == std::string::npos) {
        BERTH_TRY(found, find_serial(factory, what));
        if (!found.empty()) {
            return found;
        }
    }
    if (!there) {
        return fail(
            error{error_category::usage,
                  "unknown_device",
                  fmt::format("{} is neither a bundle, nor a certificate's file, nor a serial in {}; a device that was made "
                              "before that file was kept is named by its bundle, or by its z3.pem",
                              what, (factory / issued_file).string()),
                  {{"serial", what}}});
    }
    std::vector<fs::path> files{what};
    if (fs::is_directory(what)) {
        files = {fs::path(what) / "z3.pem"};
        for (const char* more : {"z3-sig.pem", "z3-iak.pem"}) {
            BERTH_TRY(there_too, is_there(fs::path(what) / more));
            if (there_too) {
                files.push_back(fs::path(what) / more);
            }
        }
    }
    std::vector<found_certificate> out;
    for (const auto& file : files) {
        BERTH_TRY(leaf, read_certificate(file));
        BERTH_TRY(by, issuer_of(factory, leaf));
        out.push_back({by.name, leaf.serial_hex(), leaf.device_serial().value_or("")});
    }
    return out;
}

// Whom a former list of this CA tells of and the records do not: they are from before. Tells how many.
size_t recover(records& known, const pki::crl& former) {
    std::set<std::string> there;
    for (const auto& r : known.all) {
        there.insert(r.certificate);
    }
    size_t out = 0;
    for (const auto& entry : former.revoked()) {
        if (std::string certificate = to_hex(entry.serial); there.insert(certificate).second) {
            // A reason that this factory does not give.
            const auto reason = revocation_reason_named(std::string(pki::to_string(entry.reason)));
            known.all.push_back(
                {std::move(certificate), "", entry.revoked_at, reason.value_or(pki::revocation_reason::unspecified)});
            ++out;
        }
    }
    return out;
}

}  // namespace

result<void> note_issued(const fs::path& factory, const std::string& serial, const std::vector<pki::certificate>& leaves) {
    std::vector<issued> by_issuer;
    for (const auto& leaf : leaves) {
        BERTH_TRY(by, issuer_of(factory, leaf));
        const std::string issuer = to_hex(by.certificate.spki_sha256());
        auto to = std::ranges::find(by_issuer, issuer, &issued::issuer);
        if (to == by_issuer.end()) {
            to = by_issuer.insert(to, {serial, issuer, {}, {}});
        }
        to->certificates.push_back(leaf.serial_hex());
        const auto keys = certified_keys::of({leaf});
        to->keys.insert(to->keys.end(), keys.begin(), keys.end());
    }
    std::string line;
    for (const auto& device : by_issuer) {
        line += to_line(device);
    }
    const fs::path file = factory / issued_file;
    BERTH_TRY(held, lock(factory));
    const descriptor to(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!to) {
        return cannot("open", file);
    }
    BERTH_TRY(before, mend_end(to.get(), file));
    BERTH_CHECK(append_durably(to.get(), line, static_cast<uint64_t>(before), file));
    // The name of a new file must survive a loss of power as well.
    if (before == 0 && ::fsync(held.get()) != 0 && errno != EINVAL) {
        return cannot("make durable", factory);
    }
    return {};
}

result<void> certified_keys::catch_up() {
    const std::lock_guard guard(mutex_);
    const fs::path file = factory_ / issued_file;
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return {};
    }
    std::ifstream lines(file, std::ios::binary);
    lines.seekg(0, std::ios::end);
    const auto size = static_cast<std::streamoff>(lines.tellg());
    if (!lines || size < 0) {
        return cannot("read", file);
    }
    if (static_cast<uint64_t>(size) < read_) {  // another file
        owner_.clear();
        read_ = 0;
        lines_ = 0;
    }
    lines.seekg(static_cast<std::streamoff>(read_));
    for (std::string line; std::getline(lines, line);) {
        const auto device = parse_line(line);
        if (!device && lines.eof()) {
            break;  // half a line: its device was not made
        }
        if (!device) {
            return damaged_line(file, lines_ + 1, device.error());
        }
        for (const auto& key : device->keys) {
            owner_.try_emplace(key, device->serial);
        }
        if (lines.eof()) {
            break;  // an editor's: it has no end yet, and is read again
        }
        read_ += line.size() + 1;
        ++lines_;
    }
    return lines.bad() ? cannot("read", file) : result<void>();
}

std::string certified_keys::hash_of(bytes_view octets) {
    return to_hex(crypto::sha256(octets).view());
}

std::vector<std::string> certified_keys::of(const std::vector<pki::certificate>& leaves) {
    std::vector<std::string> out;
    for (const auto& leaf : leaves) {
        out.push_back(hash_of(leaf.spki()));
        if (leaf.permanent_id()) {
            out.push_back(leaf.permanent_id()->value);
        }
    }
    return out;
}

result<void> certified_keys::require_others_not(const std::string& serial, const std::vector<std::string>& keys) const {
    const std::lock_guard guard(mutex_);
    for (const auto& key : keys) {
        if (const auto of = owner_.find(key); of != owner_.end() && of->second != serial) {
            return fail(error{error_category::peer, "key_reused",
                              fmt::format("a key of the request, or its TPM, is device {}'s; it makes no second one", of->second)}
                            .with("serial", of->second));
        }
    }
    return {};
}

bool certified_keys::has(const std::string& serial, const std::vector<std::string>& keys) const {
    const std::lock_guard guard(mutex_);
    return std::ranges::all_of(keys, [&](const std::string& key) {
        const auto of = owner_.find(key);
        return of != owner_.end() && of->second == serial;
    });
}

result<pki::revocation_reason> revocation_reason_named(const std::string& name) {
    using enum pki::revocation_reason;
    for (const auto reason : {unspecified, key_compromise, ca_compromise, affiliation_changed, superseded, cessation_of_operation,
                              privilege_withdrawn}) {
        if (pki::to_string(reason) == name) {
            return reason;
        }
    }
    return fail(
        error{error_category::usage,
              "unknown_reason",
              fmt::format("\"{}\" is not one of unspecified, key_compromise, ca_compromise, affiliation_changed, superseded, "
                          "cessation_of_operation, privilege_withdrawn",
                          name),
              {{"reason", name}}});
}

result<std::optional<pki::revocation_reason>> factory_refuses(const fs::path& factory, const std::string& serial,
                                                              const std::vector<pki::certificate>& needed,
                                                              const std::optional<pki::certificate>& former) {
    BERTH_TRY(held, lock(factory));
    for (const char* issuer : authorities) {
        BERTH_TRY(known, read_records(file_of(factory, issuer)));
        for (const auto& r : known.all) {
            const bool is_needed = std::ranges::any_of(needed, [&](const auto& c) { return c.serial_hex() == r.certificate; });
            const bool others = r.serial == serial || (former && former->serial_hex() == r.certificate);
            if (is_needed || (others && r.reason != pki::revocation_reason::superseded)) {
                return std::optional(r.reason);
            }
        }
    }
    return std::nullopt;
}

result<factory_superseded> factory_supersede(const fs::path& factory, const std::string& serial,
                                             const std::vector<pki::certificate>& kept,
                                             const std::optional<pki::certificate>& former, unix_seconds now) {
    factory_superseded out;
    BERTH_TRY(held, lock(factory));
    BERTH_TRY(found, find_serial(factory, serial, &out.elsewhere));
    if (former) {
        if (const auto by = issuer_of(factory, *former)) {
            found.push_back({by->name, former->serial_hex(), serial});
        } else if (by.error().is("unknown_issuer")) {
            out.elsewhere = std::max<size_t>(out.elsewhere, 1);  // of a CA that was replaced: its lists are made where it is
        } else {
            return fail(by.error());
        }
    }
    std::erase_if(found, [&](const found_certificate& f) {
        return std::ranges::any_of(kept, [&](const auto& c) { return c.serial_hex() == f.certificate; });
    });
    for (const char* issuer : authorities) {
        BERTH_TRY(known, read_records(file_of(factory, issuer)));
        const size_t before = known.all.size();
        for (const auto& f : found) {
            const bool there = std::ranges::find(known.all, f.certificate, &revoked::certificate) != known.all.end();
            if (f.issuer == issuer && !there) {
                known.all.push_back({f.certificate, f.serial, now, pki::revocation_reason::superseded});
            }
            out.before += f.issuer == issuer && there ? 1U : 0U;
        }
        if (known.all.size() != before) {
            out.added += known.all.size() - before;
            BERTH_CHECK(write_records(file_of(factory, issuer), known));
        }
    }
    return out;
}

result<factory_revocation> factory_revoke(const fs::path& factory, const std::string& what, pki::revocation_reason reason,
                                          unix_seconds now) {
    BERTH_TRY(held, lock(factory));
    BERTH_TRY(found, find(factory, what));
    factory_revocation out;
    for (const char* issuer : authorities) {
        BERTH_TRY(known, read_records(file_of(factory, issuer)));
        const size_t before = known.all.size();
        for (const auto& c : found) {
            if (c.issuer != issuer) {
                continue;
            }
            if (!c.serial.empty()) {
                out.serials.insert(c.serial);
            }
            if (std::ranges::find(known.all, c.certificate, &revoked::certificate) != known.all.end()) {
                ++out.before;
            } else {
                known.all.push_back({c.certificate, c.serial, now, reason});
                ++out.added;
            }
            if (std::ranges::find(out.issuers, issuer) == out.issuers.end()) {
                out.issuers.emplace_back(issuer);
            }
        }
        if (known.all.size() != before) {
            BERTH_CHECK(write_records(file_of(factory, issuer), known));
        }
    }
    return out;
}

result<factory_list_made> factory_list(const fs::path& factory, const factory_list_order& order, unix_seconds now) {
    BERTH_TRY(held, lock(factory));
    BERTH_TRY(issuer, open_authority(factory, order.issuer, order.passphrase));
    BERTH_TRY(known, read_records(file_of(factory, order.issuer)));
    // Higher than the last, and over all that it told: the factory may have come back from a backup.
    known.number = std::max(static_cast<uint64_t>(now), known.number + 1);
    size_t recovered = 0;
    BERTH_TRY(there, is_there(order.out));
    if (there) {
        BERTH_TRY(lists, read_crls({order.out}));
        for (const auto& list : lists) {
            if (!list.check_signature(issuer.certificate())) {
                return fail(error{error_category::usage,
                                  "file_exists",
                                  fmt::format("{} holds a list of {}, which is not replaced by one of {}; choose another --out",
                                              order.out.string(), list.issuer(), issuer.certificate().subject()),
                                  {{"file", order.out.string()}}});
            }
            known.number = std::max(known.number, list.number() + 1);
            recovered += recover(known, list);
        }
    }
    pki::crl_template contents;
    contents.number = known.number;
    contents.this_update = now - clock_skew;
    contents.next_update = now + order.days * 24 * 3600;
    for (const auto& r : known.all) {
        BERTH_TRY(serial, from_hex(r.certificate));
        contents.revoked.push_back({serial, r.at, r.reason});
    }
    BERTH_TRY(list, pki::issue_crl(contents, issuer.certificate(), issuer.key->as_signing_key()));
    // Before the list is anywhere: a number is used once.
    BERTH_CHECK(write_records(file_of(factory, order.issuer), known));
    BERTH_CHECK(write_text(order.out, list.to_pem()));
    return factory_list_made{std::move(list), recovered};
}

}  // namespace berth::app
