#include "setup/factory_lists.h"

#include "common/files.h"
#include "setup/keys.h"
#include "wire/json.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* issued_file = "issued.jsonl";
constexpr std::array authorities{"idevid-ca", "z1"};
constexpr unix_seconds clock_skew = 60;

tl::unexpected<error> cannot(const char* what, const fs::path& path) {
    return fail(error{error_category::environment,
                      "file_error",
                      fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno)),
                      {{"path", path.string()}}});
}

class descriptor {
public:
    explicit descriptor(int fd) : fd_(fd) {}
    ~descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

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
        BERTH_TRY(text, read_text(file));
        BERTH_TRY(json, wire::parse_json_object(text));
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
    return write_text(file, wire::to_text(wire::json::object{{"number", what.number}, {"revoked", list}}) + "\n", 0600);
}

// One process at a time changes the factory's records; the lock goes with the descriptor.
result<std::unique_ptr<descriptor>> lock(const fs::path& factory) {
    auto held = std::make_unique<descriptor>(::open(factory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (held->get() < 0) {
        return cannot("open", factory);
    }
    if (::flock(held->get(), LOCK_EX) != 0) {
        return cannot("lock", factory);
    }
    return held;
}

struct found_certificate {
    std::string issuer, certificate, serial;
};

result<found_certificate> judge(const fs::path& factory, const pki::certificate& leaf) {
    for (const char* name : authorities) {
        BERTH_TRY(authority, read_certificate(factory / (std::string(name) + ".pem")));
        if (leaf.issuer() == authority.subject() && leaf.check_signature(authority)) {
            return found_certificate{name, leaf.serial_hex(), leaf.device_serial().value_or("")};
        }
    }
    return fail(error{error_category::usage,
                      "unknown_issuer",
                      fmt::format("the certificate of {} was not issued by the factory in {}", leaf.subject(), factory.string()),
                      {{"subject", leaf.subject()}}});
}

result<std::vector<found_certificate>> find_serial(const fs::path& factory, const std::string& serial) {
    std::vector<found_certificate> out;
    std::ifstream lines(factory / issued_file);
    for (std::string line; std::getline(lines, line);) {
        const auto json = wire::parse_json_object(line);
        if (!json) {
            continue;  // the last line of a process that was killed
        }
        const auto whose = wire::text_member(*json, "serial");
        const auto certificate = wire::text_member(*json, "certificate");
        if (whose && certificate && *whose == serial) {
            out.push_back({"idevid-ca", *certificate, serial});
        }
    }
    if (out.empty()) {
        return fail(
            error{error_category::usage,
                  "unknown_device",
                  fmt::format("{} is neither a bundle, nor a certificate's file, nor a serial in {}; a device that was made "
                              "before that file was kept is named by its bundle, or by its z3.pem",
                              serial, (factory / issued_file).string()),
                  {{"serial", serial}}});
    }
    return out;
}

result<std::vector<found_certificate>> find(const fs::path& factory, const std::string& what) {
    BERTH_TRY(there, is_there(what));
    if (!there) {
        return find_serial(factory, what);
    }
    std::vector<fs::path> files{what};
    if (fs::is_directory(what)) {
        files = {fs::path(what) / "z3.pem"};
        BERTH_TRY(second, is_there(fs::path(what) / "z3-sig.pem"));
        if (second) {
            files.push_back(fs::path(what) / "z3-sig.pem");
        }
    }
    std::vector<found_certificate> out;
    for (const auto& file : files) {
        BERTH_TRY(leaf, read_certificate(file));
        BERTH_TRY(found, judge(factory, leaf));
        out.push_back(std::move(found));
    }
    return out;
}

}  // namespace

result<void> note_issued(const fs::path& factory, const std::string& serial, const std::vector<pki::certificate>& leaves) {
    std::string lines;
    for (const auto& leaf : leaves) {
        lines += wire::to_text(wire::json::object{{"serial", serial}, {"certificate", leaf.serial_hex()}}) + "\n";
    }
    const fs::path file = factory / issued_file;
    // One write at the end of the file: several factories' lines do not mix.
    const descriptor to(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (to.get() < 0 || ::write(to.get(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size()) ||
        ::fsync(to.get()) != 0) {
        return cannot("write", file);
    }
    return {};
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

result<pki::crl> factory_list(const fs::path& factory, const factory_list_order& order, unix_seconds now) {
    BERTH_TRY(held, lock(factory));
    BERTH_TRY(issuer, open_authority(factory, order.issuer, order.passphrase));
    BERTH_TRY(known, read_records(file_of(factory, order.issuer)));
    // Higher than the last, also when that was told by a list alone: a factory that came back from a backup.
    known.number = std::max(static_cast<uint64_t>(now), known.number + 1);
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
    return list;
}

}  // namespace berth::app
