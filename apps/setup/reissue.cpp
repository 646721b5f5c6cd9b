#include "setup/reissue.h"

#include "base/descriptor.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "factory/identity_claim.h"
#include "factory/recovery.h"
#include "pki/private_key_file.h"
#include "setup/awaited_answer.h"
#include "setup/factory.h"

#include <fcntl.h>
#include <sys/file.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr size_t most_grant = 2 * 1024 * 1024;

// Below FACTORY/reissues, by hashes: a serial may have characters that no file's name has.
class reissues {
public:
    // One process at a time.
    static result<reissues> open(const fs::path& factory) {
        reissues out(factory / "reissues");
        BERTH_CHECK(make_directory(out.directory_, 0700));
        out.lock_ = descriptor(::open(out.directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!out.lock_ || ::flock(out.lock_.get(), LOCK_EX) != 0) {
            return cannot("lock", out.directory_);
        }
        return out;
    }
    fs::path awaited(std::string_view serial, bytes_view request_hash) const {
        return directory_ / (name(serial) + "-" + to_hex(request_hash) + ".challenged");
    }
    fs::path granted(std::string_view serial) const { return directory_ / (name(serial) + ".granted"); }

    // The newest certificate counts: who answers an older challenge after it was given is nobody who lost a key.
    result<void> forget_awaited(std::string_view serial) const {
        const std::string begins = name(serial) + "-";
        std::error_code ec;
        std::vector<fs::path> old;
        for (fs::directory_iterator entry(directory_, ec), end; !ec && entry != end; entry.increment(ec)) {
            if (entry->path().filename().string().starts_with(begins)) {
                old.push_back(entry->path());
            }
        }
        for (const auto& file : old) {
            if (!ec) {
                fs::remove(file, ec);
            }
        }
        return ec ? cannot("clear", directory_, ec) : result<void>{};
    }

private:
    explicit reissues(fs::path directory) : directory_(std::move(directory)) {}
    static std::string name(std::string_view serial) { return to_hex(crypto::sha256(as_bytes(serial)).view()); }
    fs::path directory_;
    descriptor lock_;
};

class reissuer {
public:
    reissuer(const reissue_order& order, registry::masa_registry& records, pki::certificate root, reissues kept,
             factory::residency_policy policy, const clock& time, random_source& random)
        : order_(order),
          records_(records),
          root_(std::move(root)),
          kept_(std::move(kept)),
          policy_(std::move(policy)),
          time_(time),
          random_(random) {}

    static result<reissuer> open(const reissue_order& order, registry::masa_registry& records, const clock& time,
                                 random_source& random) {
        BERTH_TRY(root, read_certificate(order.factory / "z1.pem"));
        BERTH_TRY(kept, reissues::open(order.factory));
        factory::residency_policy policy;
        policy.now = time.now();
        if (!order.tpm_makers.empty()) {
            BERTH_TRY(makers, read_tpm_makers(order.tpm_makers));
            policy.tpm_makers = std::move(makers);
        }
        return reissuer(order, records, std::move(root), std::move(kept), std::move(policy), time, random);
    }

    result<reissue_reply> challenge(bytes_view octets) {
        BERTH_TRY(device, admit(octets));
        BERTH_TRY(before, granted_before(device.serial()));
        if (before && same_octets(before->request_hash, crypto::sha256(device.request()).view())) {
            return finish(device, *before);
        }
        BERTH_TRY(judged, awaited_or_new<factory::residency_check>(
                              kept_.awaited(device.serial(), crypto::sha256(device.request()).view()), octets,
                              [this](const secret_bytes& check) { return factory::residency_check::restore(check, policy_); },
                              [this, &device] { return factory::residency_check::begin(device.request(), policy_, random_); }));
        BERTH_TRY(challenge, wire::encode(judged.challenge()));
        return reissue_reply{std::string(device.serial()), std::move(challenge), false, {}};
    }

    result<reissue_reply> grant(bytes_view octets) {
        BERTH_TRY(answer, wire::decode<factory::unit_answer>(octets));
        BERTH_TRY(before, granted_before(answer.serial.text()));
        const bool again = before && before->request_hash == answer.request_hash;
        const fs::path file = kept_.awaited(answer.serial.text(), answer.request_hash);
        BERTH_TRY(kept, read_awaited(file));
        if (!kept) {
            return fail(error_category::peer, "wrong_answer",
                        again
                            ? "this was answered before, and the certificate given: give the device's request again for another "
                              "copy of it"
                            : "nothing was asked of this device, or it was given another certificate since: its request comes "
                              "first");
        }
        BERTH_TRY(device, admit(kept->request));  // once more: it may have been revoked meanwhile
        if (again) {
            return finish(device, *before);
        }
        BERTH_TRY(judged, factory::residency_check::restore(kept->check, policy_));
        BERTH_TRY(proved, judged.finish(octets));
        BERTH_TRY(issuers, open_unit_issuers(order_.factory, order_.passphrase, true, time_.now()));
        const factory::issue_settings settings{issuers.maker, hardware_type, {time_.now() - 60, pki::no_expiry}};
        const factory::issuer_view identity{issuers.classical->chain, issuers.classical->key->as_signing_key()};
        const factory::issuer_view kem{issuers.post_quantum.chain, issuers.post_quantum.key->as_signing_key()};
        BERTH_TRY(made, factory::issue_again(device, proved, identity, kem, settings, random_));
        BERTH_TRY(leaves, leaves_of(made));
        BERTH_CHECK(note_issued(order_.factory, std::string(device.serial()), leaves));
        BERTH_TRY(grant, wire::encode(made));
        // From here on this is the device's certificate, and no other.
        BERTH_CHECK(pki::write_file_atomically(kept_.granted(device.serial()).string(), grant, 0600));
        return finish(device, made);
    }

private:
    // Whether the device is one that may be given a certificate.
    result<factory::known_device> admit(bytes_view octets) {
        BERTH_TRY(maker, pki::trust_store::from_root(root_));
        BERTH_TRY(device, factory::known_device::verify(octets, maker, time_.now()));
        BERTH_TRY(chain, factory::parse_chain(device.chain().items));
        BERTH_TRY(refused, factory_refuses(order_.factory, std::string(device.serial()), chain, device.former()));
        if (refused) {
            return fail(
                error{error_category::peer, "certificate_revoked",
                      fmt::format("device {} is revoked ({}) by the factory's own records: it is given no certificate any "
                                  "more",
                                  device.serial(), pki::to_string(*refused))}
                    .with("serial", std::string(device.serial()))
                    .with("reason", std::string(pki::to_string(*refused))));
        }
        const onboarding::device_identity identity{root_.spki_sha256(), std::string(device.serial())};
        BERTH_TRY(record, records_.find_device(identity));
        if (!record) {
            return fail(
                error{error_category::usage, "unknown_device",
                      fmt::format("device {} is not in the MASA's records: berth factory make makes devices", identity.serial)}
                    .with("serial", identity.serial));
        }
        if (record->revoked) {
            return fail(error{error_category::usage, "revoked",
                              fmt::format("device {} is revoked, for ever: it is given no certificate any more", identity.serial)}
                            .with("serial", identity.serial));
        }
        return device;
    }

    result<std::optional<factory::unit_grant>> granted_before(std::string_view serial) const {
        const fs::path file = kept_.granted(serial);
        BERTH_TRY(there, is_there(file));
        if (!there) {
            return std::nullopt;
        }
        BERTH_TRY(octets, pki::read_file(file.string(), most_grant));
        BERTH_TRY(grant, wire::decode<factory::unit_grant>(octets));
        return std::optional(std::move(grant));
    }

    // What is new in a grant, the KEM certificate first.
    static result<std::vector<pki::certificate>> leaves_of(const factory::unit_grant& grant) {
        BERTH_TRY(kem, pki::certificate::parse(grant.kem.items.front().view()));
        std::vector<pki::certificate> out{std::move(kem)};
        if (!grant.attestation.empty()) {
            BERTH_TRY(attests, pki::certificate::parse(grant.attestation.items.front().view()));
            out.push_back(std::move(attests));
        }
        return out;
    }

    // What may be done twice: a process that was killed here does it again.
    result<reissue_reply> finish(const factory::known_device& device, const factory::unit_grant& grant) {
        BERTH_TRY(kept, leaves_of(grant));
        const pki::certificate leaf = kept.front();
        kept.push_back(device.identity());
        const onboarding::device_identity identity{root_.spki_sha256(), std::string(device.serial())};
        BERTH_TRY(recorded, is_recorded(identity, leaf, records_));
        if (!recorded) {
            BERTH_CHECK(records_.audit({time_.now(), "reissued", identity, "", "ok", to_hex(leaf.sha256())}));
        }
        BERTH_TRY(superseded, factory_supersede(order_.factory, identity.serial, kept, device.former(), time_.now()));
        BERTH_CHECK(kept_.forget_awaited(identity.serial));
        BERTH_TRY(octets, wire::encode(grant));
        return reissue_reply{identity.serial, std::move(octets), true, superseded};
    }

    const reissue_order& order_;
    registry::masa_registry& records_;
    pki::certificate root_;
    reissues kept_;
    factory::residency_policy policy_;
    const clock& time_;
    random_source& random_;
};

}  // namespace

result<reissue_reply> challenge_recovery(const reissue_order& order, bytes_view request, registry::masa_registry& records,
                                         const clock& time, random_source& random) {
    BERTH_TRY(with, reissuer::open(order, records, time, random));
    return with.challenge(request);
}

result<reissue_reply> grant_recovery(const reissue_order& order, bytes_view answer, registry::masa_registry& records,
                                     const clock& time, random_source& random) {
    BERTH_TRY(with, reissuer::open(order, records, time, random));
    return with.grant(answer);
}

}  // namespace berth::app
