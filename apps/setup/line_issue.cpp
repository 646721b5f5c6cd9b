#include "setup/line_issue.h"

#include "common/files.h"
#include "crypto/hash.h"
#include "factory/identity_claim.h"
#include "factory/issue.h"
#include "pki/private_key_file.h"
#include "setup/factory.h"
#include "setup/factory_lists.h"
#include "setup/masa.h"

#include <map>
#include <set>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr size_t most_state = 1024 * 1024;

struct known_order {
    fs::path directory;
    line_terms terms;
    line_identity line;
    std::set<std::string> serials;
};

factory::issuer_view view_of(const authority& issuer) {
    return {issuer.chain, issuer.key->as_signing_key()};
}

class line_issuer {
public:
    line_issuer(const line_issue& what, keystore::signing_key_ptr key, unit_issuers issuers, pki::certificate root,
                std::unique_ptr<store::sqlite_masa_store> records, factory::residency_policy policy, const clock& time,
                random_source& random)
        : what_(what),
          key_(std::move(key)),
          issuers_(std::move(issuers)),
          certified_(what.factory),
          root_(std::move(root)),
          records_(std::move(records)),
          policy_(std::move(policy)),
          time_(time),
          random_(random) {}

    result<void> one(const fs::path& file, line_issued& done) {
        BERTH_TRY(message, read_line_message(file));
        BERTH_TRY(order, order_of(message.order));
        BERTH_CHECK(check_line_signature(message, order->line.signing, "the line that has the order"));
        if (!order->serials.contains(message.serial)) {
            return quota_used(*order, message.serial, "it is none of the units that were ordered");
        }
        if (message.step == line_step::request) {
            return challenge(*order, message, done);
        }
        return grant(*order, message, done);
    }

private:
    result<known_order*> order_of(const std::string& id) {
        if (const auto known = orders_.find(id); known != orders_.end()) {
            return &known->second;
        }
        BERTH_TRY(directory, order_directory(what_.factory, id));
        BERTH_TRY(there, is_there(directory / "order.json"));
        if (!there) {
            return fail(error{error_category::usage, "unknown_order",
                              fmt::format("order {} was not made by the factory in {}", id, what_.factory.string())}
                            .with("order", id));
        }
        BERTH_TRY(terms, read_order(directory));
        BERTH_TRY(line, line_identity::read(directory / "line.json"));
        known_order order{std::move(directory), std::move(terms), std::move(line), {}};
        for (size_t i = 0; i < order.terms.serials.size(); ++i) {
            order.serials.insert(order.terms.serials.at(i));
        }
        return &orders_.emplace(id, std::move(order)).first->second;
    }

    static tl::unexpected<error> quota_used(const known_order& order, const std::string& serial, const std::string& why) {
        return fail(error{error_category::peer, "quota_used",
                          fmt::format("no certificate for unit {} of order {}: {}", serial, order.terms.order.name, why)}
                        .with("serial", serial));
    }

    static tl::unexpected<error> device_exists(const std::string& serial) {
        return fail(
            error{error_category::usage, "device_exists",
                  fmt::format("device {} is in the MASA's records already, and is another one; no second one is made", serial)}
                .with("serial", serial));
    }

    static fs::path file_of(const known_order& order, const std::string& serial, const char* what) {
        return order.directory / (serial + what);
    }

    // The certificates that the unit was given, if it was.
    static result<std::optional<bytes>> granted_before(const known_order& order, const std::string& serial) {
        const fs::path file = file_of(order, serial, ".granted");
        BERTH_TRY(there, is_there(file));
        if (!there) {
            return std::nullopt;
        }
        BERTH_TRY(octets, pki::read_file(file.string(), most_file_octets));
        return std::optional(std::move(octets));
    }

    result<void> challenge(const known_order& order, const line_message& message, line_issued& done) {
        BERTH_TRY(before, granted_before(order, message.serial));
        if (before) {
            BERTH_TRY(grant, wire::decode<factory::unit_grant>(*before));
            if (!same_octets(grant.request_hash, crypto::sha256(message.octets).view())) {
                return quota_used(order, message.serial, "it was given certificates for other keys before");
            }
            return publish(order, message.serial, *before, done.granted_before);
        }
        BERTH_TRY(record, records_->find_device({root_.spki_sha256(), message.serial}));
        if (record) {
            return device_exists(message.serial);
        }
        BERTH_CHECK(check_request(order, message));
        BERTH_TRY(judged, awaited_or_new(order, message));
        BERTH_TRY(octets, wire::encode(judged.challenge()));
        BERTH_CHECK(
            write_line_message(what_.out, {line_step::challenge, message.order, message.serial, std::move(octets), {}}, *key_));
        ++done.challenged;
        return {};
    }

    // Whether it asks for what was ordered, for keys that are no other device's.
    result<void> check_request(const known_order& order, const line_message& message) {
        const auto wrong = [](const std::string& why) { return fail(error_category::peer, "wrong_request", why); };
        const device_order& ordered = order.terms.order.device;
        BERTH_TRY(request, wire::decode<factory::unit_request>(message.octets));
        if (request.serial.text() != message.serial || request.backend.text() != order.terms.order.backend) {
            return wrong("the request is for another unit than it says, or for another chip");
        }
        BERTH_TRY(csr, pki::verified_csr::parse(request.identity.view()));
        BERTH_TRY(kem, crypto::kem_public_key::from_spki(request.kem_key.view()));
        if (csr.key().algorithm() != ordered.signature || kem.algorithm() != ordered.kem) {
            return wrong(fmt::format("its keys are {} and {}, and {} and {} were ordered", name_of(csr.key().algorithm()),
                                     name_of(kem.algorithm()), name_of(ordered.signature), name_of(ordered.kem)));
        }
        std::vector<std::string> keys{certified_keys::hash_of(csr.key().spki()), certified_keys::hash_of(kem.spki())};
        for (const auto& tpm : request.tpm.items) {
            keys.push_back(certified_keys::hash_of(tpm.endorsement_certificate.view()));
            BERTH_TRY(iak, attestation::public_area::parse(tpm.attestation_key.view()));
            BERTH_TRY(spki, iak.spki());
            keys.push_back(certified_keys::hash_of(spki));
        }
        BERTH_CHECK(certified_.catch_up());
        return certified_.require_others_not(message.serial, keys);
    }

    // What was asked before is asked again: its answer may be on its way.
    result<factory::residency_check> awaited_or_new(const known_order& order, const line_message& message) {
        const fs::path file = file_of(order, message.serial, ".challenged");
        BERTH_TRY(there, is_there(file));
        if (there) {
            BERTH_TRY(state, pki::read_secret_file(file.string(), most_state));
            auto before = factory::residency_check::restore(state, policy_);
            if (before && same_octets(before->challenge().request_hash, crypto::sha256(message.octets).view())) {
                return before;
            }
        }
        BERTH_TRY(judged, factory::residency_check::begin(message.octets, policy_, random_));
        const secret_bytes state = judged.save();
        BERTH_CHECK(pki::write_file_atomically(file.string(), state.reveal(), 0600));
        return judged;
    }

    result<void> grant(const known_order& order, const line_message& message, line_issued& done) {
        BERTH_TRY(before, granted_before(order, message.serial));
        if (before) {
            return publish(order, message.serial, *before, done.granted_before);
        }
        const fs::path kept = file_of(order, message.serial, ".challenged");
        BERTH_TRY(there, is_there(kept));
        if (!there) {
            return fail(error_category::peer, "wrong_answer", "nothing was asked of this unit: its request comes first");
        }
        BERTH_TRY(record, records_->find_device({root_.spki_sha256(), message.serial}));
        if (record) {
            return device_exists(message.serial);
        }
        BERTH_TRY(state, pki::read_secret_file(kept.string(), most_state));
        BERTH_TRY(judged, factory::residency_check::restore(state, policy_));
        BERTH_TRY(proved, judged.finish(message.octets));
        const factory::issue_settings settings{issuers_.maker, hardware_type, {time_.now() - 60, pki::no_expiry}};
        // A classical key's certificate by a classical issuer, as for units that are made here.
        const bool classical = issuers_.classical && order.terms.order.backend != "software" &&
                               !crypto::is_post_quantum(order.terms.order.device.signature);
        BERTH_TRY(made, factory::issue_identity(proved, view_of(classical ? *issuers_.classical : issuers_.post_quantum),
                                                view_of(issuers_.post_quantum), settings, random_));
        BERTH_TRY(octets, wire::encode(made));
        BERTH_TRY(kem, factory::parse_chain(made.kem.items));
        BERTH_TRY(identity, factory::parse_chain(made.identity.items));
        std::vector<pki::certificate> leaves{kem.front(), identity.front()};
        if (!made.attestation.empty()) {
            BERTH_TRY(attests, pki::certificate::parse(made.attestation.items.front().view()));
            leaves.push_back(std::move(attests));
        }
        // Two requests for one chip may both have been asked before one of them was granted.
        BERTH_CHECK(certified_.catch_up());
        BERTH_CHECK(certified_.require_others_not(message.serial, certified_keys::of(leaves)));
        BERTH_CHECK(note_issued(what_.factory, message.serial, leaves));
        // From here on these are the unit's certificates, and no others.
        BERTH_CHECK(pki::write_file_atomically(file_of(order, message.serial, ".granted").string(), octets, 0600));
        return publish(order, message.serial, octets, done.granted);
    }

    // What may be done twice: a process that was killed here does it again.
    result<void> publish(const known_order& order, const std::string& serial, const bytes& granted, size_t& count) {
        BERTH_TRY(grant, wire::decode<factory::unit_grant>(granted));
        BERTH_TRY(kem, factory::parse_chain(grant.kem.items));
        registry::ownership made;
        made.device = {root_.spki_sha256(), serial};
        made.model = order.terms.order.device.model;
        // Once: what is told to the device later, and whose it is by then, stays when its certificates are given once more.
        const fs::path told = file_of(order, serial, ".published");
        BERTH_TRY(before, is_there(told));
        BERTH_TRY(record, records_->find_device(made.device));
        if (record) {
            BERTH_TRY(ours, is_recorded(made.device, kem.front(), *records_));
            if (!ours) {
                return device_exists(serial);
            }
        } else {
            BERTH_CHECK(records_->add_device(made, to_hex(kem.front().sha256()), time_.now()));
        }
        if (!before || !record) {
            BERTH_CHECK(records_->set_configuration(made.device, order.terms.order.configuration(), time_.now()));
            if (!order.terms.order.customer.empty() && (!record || record->state == registry::ownership_state::manufactured)) {
                BERTH_CHECK(records_->assign(made.device, order.terms.order.customer, time_.now()));
            }
            BERTH_CHECK(write_text(told, "", 0600));
        }
        std::error_code ignored;
        fs::remove(file_of(order, serial, ".challenged"), ignored);
        BERTH_CHECK(write_line_message(what_.out, {line_step::grant, order.terms.id, serial, granted, {}}, *key_));
        ++count;
        return {};
    }

    const line_issue& what_;
    keystore::signing_key_ptr key_;
    unit_issuers issuers_;
    certified_keys certified_;
    pki::certificate root_;
    std::unique_ptr<store::sqlite_masa_store> records_;
    factory::residency_policy policy_;
    const clock& time_;
    random_source& random_;
    std::map<std::string, known_order> orders_;
};

}  // namespace

result<line_issued> issue_for_line(const line_issue& what, const clock& time, random_source& random) {
    BERTH_TRY(files, find_line_messages(what.requests, {line_step::request, line_step::answer}));
    BERTH_TRY(root, read_certificate(what.factory / "z1.pem"));
    BERTH_TRY(held, lock_orders(what.factory));
    BERTH_TRY(key, production_key(what.factory, what.passphrase, random));
    BERTH_TRY(classical, is_there(what.factory / "idevid-ca-classical.pem"));
    BERTH_TRY(issuers, open_unit_issuers(what.factory, what.passphrase, classical, time.now()));
    BERTH_TRY(records, open_masa_store(what.masa));
    factory::residency_policy policy;
    policy.now = time.now();
    if (!what.tpm_makers.empty()) {
        BERTH_TRY(makers, read_tpm_makers(what.tpm_makers));
        policy.tpm_makers = std::move(makers);
    }
    line_issuer issuer(what, std::move(key), std::move(issuers), std::move(root), std::move(records), std::move(policy), time,
                       random);
    line_issued out;
    for (const auto& file : files) {
        if (auto done = issuer.one(file, out); !done) {
            out.refused.emplace_back(file.filename().string(), std::move(done).error());
        }
    }
    return out;
}

}  // namespace berth::app
