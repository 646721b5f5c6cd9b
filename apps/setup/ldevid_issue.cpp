#include "setup/ldevid_issue.h"

#include "base/descriptor.h"
#include "common/append.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "factory/identity_claim.h"
#include "factory/ldevid_residency.h"
#include "pki/crl.h"
#include "roles/startup_checks.h"
#include "setup/awaited_answer.h"
#include "setup/factory_lists.h"
#include "setup/keys.h"
#include "store/sqlite/registrar_store.h"
#include "wire/json.h"

#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* record_file = "ldevids.jsonl";

// A list that does not speak of the CA in question would revoke nobody whom it should.
result<void> require_list(const factory::ldevid_candidate& device, const std::vector<pki::crl>& lists) {
    const auto chain = device.identity().chain();
    const pki::certificate& issuer = chain.size() > 1 ? chain[1] : device.identity().anchor();
    const bool there = std::ranges::any_of(lists, [&](const pki::crl& list) { return list.check_signature(issuer).has_value(); });
    return there
               ? result<void>{}
               : fail(error{error_category::usage, "crl_missing",
                            fmt::format("none of the revocation lists is of {}, which issued the IDevID of {}: give the maker's "
                                        "list of that CA (--maker-crl)",
                                        issuer.subject(), device.serial())}
                          .with("issuer", issuer.subject()));
}

result<factory::ldevid_candidate> admit(const ldevid_order& order, bytes_view request, unix_seconds now) {
    BERTH_CHECK(check_root_file(order.maker_root, now));
    BERTH_TRY(root, read_certificate(order.maker_root));
    BERTH_TRY(lists, read_crls(order.maker_lists));
    BERTH_TRY(maker, pki::trust_store::build({{root}, {}, lists}));
    BERTH_TRY(device, factory::ldevid_candidate::verify(request, maker, now));
    if (!lists.empty()) {
        BERTH_CHECK(require_list(device, lists));
    }
    if (!order.factory.empty()) {
        const auto chain = device.identity().chain();
        BERTH_TRY(refused, factory_refuses(order.factory, device.serial(), {chain.begin(), chain.end()}));
        if (refused) {
            return fail(error{
                error_category::peer, "certificate_revoked",
                fmt::format("device {} is revoked ({}) by the factory's own records", device.serial(), pki::to_string(*refused))}
                            .with("serial", device.serial())
                            .with("reason", std::string(pki::to_string(*refused))));
        }
    }
    return device;
}

// What this CA has issued, a line each.
class record {
public:
    static result<record> open(const fs::path& ca) {
        record out(ca / record_file);
        out.lock_ = descriptor(::open(ca.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!out.lock_ || ::flock(out.lock_.get(), LOCK_EX) != 0) {
            return cannot("lock", ca);
        }
        return out;
    }

    // Error `ldevid_issued`: the newest that has not expired is of another key.
    result<void> require_same_key(const factory::ldevid_candidate& device, unix_seconds now) const {
        BERTH_TRY(there, is_there(file_));
        if (!there) {
            return {};
        }
        std::ifstream lines(file_);
        std::string key, certificate;
        size_t number = 0;
        for (std::string line; std::getline(lines, line);) {
            ++number;
            const auto json = wire::parse_json_object(line);
            if (!json && lines.eof()) {
                break;  // half a line: nothing was given away
            }
            if (!json) {
                return damaged(number);
            }
            const auto text = [&json](const char* name) { return wire::text_member(*json, name).value_or(std::string()); };
            if (text("serial") == device.serial() && text("maker") == maker_of(device) &&
                wire::integer_member(*json, "not_after").value_or(0) > now) {
                key = text("key");
                certificate = text("certificate");
            }
        }
        if (lines.bad() || (number == 0 && !lines.eof())) {
            return cannot("read", file_);
        }
        if (!key.empty() && key != key_of(device)) {
            return fail(
                error{error_category::peer, "ldevid_issued",
                      fmt::format("this CA has certified another key for {} before (certificate {}); if that one is to be of "
                                  "no use any more, revoke it and say --replace",
                                  device.serial(), certificate)}
                    .with("serial", device.serial())
                    .with("certificate", certificate));
        }
        return {};
    }

    result<void> add(const factory::ldevid_candidate& device, const pki::certificate& leaf, unix_seconds now) const {
        const std::string line = wire::to_text(wire::json::object{{"serial", device.serial()},
                                                                  {"maker", maker_of(device)},
                                                                  {"certificate", leaf.serial_hex()},
                                                                  {"key", key_of(device)},
                                                                  {"backend", device.backend()},
                                                                  {"at", now},
                                                                  {"not_after", leaf.not_after()}}) +
                                 "\n";
        const descriptor to(::open(file_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
        struct stat about{};
        if (!to || ::fstat(to.get(), &about) != 0) {
            return cannot("open", file_);
        }
        // Half a line, of a process that was killed: nothing was given away.
        constexpr off_t most_line = 4096;
        const off_t from = std::max<off_t>(0, about.st_size - most_line);
        std::string tail(static_cast<size_t>(about.st_size - from), '\0');
        if (::pread(to.get(), tail.data(), tail.size(), from) != static_cast<ssize_t>(tail.size())) {
            return cannot("read", file_);
        }
        const off_t whole = from + static_cast<off_t>(tail.rfind('\n') + 1);  // npos + 1 is 0
        if (::ftruncate(to.get(), whole) != 0) {
            return cannot("cut", file_);
        }
        return append_durably(to.get(), line, static_cast<uint64_t>(whole), file_);
    }

private:
    explicit record(fs::path file) : file_(std::move(file)) {}
    static std::string maker_of(const factory::ldevid_candidate& device) {
        return to_hex(device.identity().anchor().spki_sha256());
    }
    static std::string key_of(const factory::ldevid_candidate& device) { return to_hex(crypto::sha256(device.spki()).view()); }
    tl::unexpected<error> damaged(size_t number) const {
        return fail(error{error_category::environment, "damaged_file",
                          fmt::format("line {} of {} cannot be read: mend it first", number, file_.string())}
                        .with("path", file_.string()));
    }
    fs::path file_;
    descriptor lock_;
};

// Into the registrar's records, by which its berthd revokes.
result<void> tell_registrar(const fs::path& registrar, const factory::ldevid_candidate& device,
                            const std::vector<pki::certificate>& chain, unix_seconds now) {
    BERTH_TRY(store, store::sqlite_registrar_store::open((registrar / "registrar.db").string(), store::opening::existing));
    onboarding::issued_certificate c;
    c.device = {device.identity().anchor().spki_sha256(), device.serial()};
    c.name = "ldevid";
    c.profile = "ldevid";
    c.kind = onboarding::credential_kind::signature;
    c.spki_hash = to_array<32>(crypto::sha256(device.spki()).view());
    for (const auto& each : chain) {
        c.chain.push_back(to_bytes(each.der()));
    }
    c.not_before = chain.front().not_before();
    c.not_after = chain.front().not_after();
    return store->save_certificates({c}, now);
}

fs::path awaited(const ldevid_order& order, bytes_view request_hash) {
    return order.ca / "ldevid.challenged" / to_hex(request_hash);
}

// Whether the CA may issue, and for this device.
result<factory::ldevid_candidate> judge(const ldevid_order& order, bytes_view request, unix_seconds now) {
    BERTH_CHECK(check_authority_files(order.ca / "z2.pem", order.ca / "ca.pem", now));
    BERTH_TRY(own, read_certificate(order.ca / "z2.pem"));
    BERTH_CHECK(require_not_own(own, order.maker_root, "--maker-root"));
    return admit(order, request, now);
}

result<ldevid_issued> issue(const ldevid_order& order, const factory::ldevid_candidate& device,
                            const std::optional<factory::ldevid_in_tpm>& shown, unix_seconds now, random_source& random) {
    BERTH_TRY(kept, record::open(order.ca));
    if (!order.replace) {
        BERTH_CHECK(kept.require_same_key(device, now));
    }
    BERTH_TRY(issuer, open_authority(order.ca, "ca", order.passphrase));
    const pki::validity validity{now - 60, now + order.days * 24 * 3600};
    BERTH_TRY(grant, factory::issue_ldevid(device, shown, {issuer.chain, issuer.key->as_signing_key()}, validity, random));
    BERTH_TRY(chain, factory::parse_chain(grant.ldevid.items));
    BERTH_CHECK(kept.add(device, chain.front(), now));
    if (!order.registrar.empty()) {
        BERTH_CHECK(tell_registrar(order.registrar, device, chain, now));
    }
    BERTH_TRY(octets, wire::encode(grant));
    return ldevid_issued{device.serial(), device.backend(), shown.has_value(), std::move(octets), chain.front()};
}

}  // namespace

result<ldevid_issued> issue_ldevid_for(const ldevid_order& order, bytes_view request, const clock& time, random_source& random) {
    BERTH_TRY(device, judge(order, request, time.now()));
    return issue(order, device, {}, time.now(), random);
}

result<ldevid_challenged> challenge_ldevid_for(const ldevid_order& order, bytes_view request, const clock& time,
                                               random_source& random) {
    BERTH_TRY(device, judge(order, request, time.now()));
    BERTH_TRY(shows, awaited_or_new<factory::ldevid_residency>(
                         awaited(order, device.request_hash()), request,
                         [&device](const secret_bytes& check) { return factory::ldevid_residency::restore(device, check); },
                         [&device, &random] { return factory::ldevid_residency::begin(device, random); }));
    BERTH_TRY(octets, wire::encode(shows.challenge()));
    return ldevid_challenged{device.serial(), std::move(octets)};
}

result<ldevid_issued> issue_shown_ldevid_for(const ldevid_order& order, bytes_view octets, const clock& time,
                                             random_source& random) {
    BERTH_TRY(answer, wire::decode<factory::ldevid_answer>(octets));
    const fs::path file = awaited(order, answer.request_hash);
    BERTH_TRY(kept, read_awaited(file));
    if (!kept) {
        return fail(error_category::peer, "wrong_answer",
                    "nothing was asked of this device, or it was answered before: its request comes first");
    }
    BERTH_TRY(device, judge(order, kept->request, time.now()));  // once more: it may have been revoked meanwhile
    BERTH_TRY(shows, factory::ldevid_residency::restore(device, kept->check));
    BERTH_TRY(shown, shows.finish(octets));
    BERTH_TRY(issued, issue(order, device, std::optional(std::move(shown)), time.now(), random));
    std::error_code ignored;
    fs::remove(file, ignored);
    return issued;
}

}  // namespace berth::app
