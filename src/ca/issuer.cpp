#include "ca/issuer.h"

#include "ca/log.h"

namespace berth::ca {

namespace {

constexpr std::string_view shard_place = "{shard}";
// Between the newest entry of the log and the clock: who corrects a clock by a little is let be.
constexpr unix_seconds most_backwards = 600;

std::string with_shard(const std::string& url, std::optional<uint32_t> shard) {
    const size_t at = url.find(shard_place);
    if (at == std::string::npos) {
        return url;
    }
    return url.substr(0, at) + (shard ? std::to_string(*shard) : "all") + url.substr(at + shard_place.size());
}

tl::unexpected<error> unusable(std::string name, const std::string& why) {
    return fail(error_category::environment, std::move(name), "Nothing can be issued: " + why + ".");
}

tl::unexpected<error> refused(std::string name, const requester& who, const std::string& why) {
    return fail(error{error_category::peer, std::move(name), "No certificate is issued to " + who.name + ": " + why + "."}.with(
        "requester", who.name));
}

// On whose word all stands that is issued to him: of those above what he shows, and, if that was issued here, of those on whose
// word he got it. So a renewal is no way out of the withdrawal of the first of them.
result<std::vector<key_hash>> inherited(const requester& who, ca_records& records) {
    issuance entry;
    entry.proof_issuer = who.issuer;
    entry.proof_anchor = who.anchor;
    entry.device = who.device;
    entry.origins = who.between;
    if (who.certificate) {
        BERTH_TRY(before, records.find(who.issuer, who.certificate->serial()));
        if (before) {
            const auto earlier = origins_of(*before);
            entry.origins.insert(entry.origins.end(), earlier.begin(), earlier.end());
        }
    }
    auto out = origins_of(entry);
    if (out.size() > most_origins) {
        return refused("too_many_origins", who,
                       "what it shows stands on the word of " + std::to_string(out.size()) + " CAs; " +
                           "it has to begin anew with the identity that its maker has given it");
    }
    return out;
}

}  // namespace

result<issuer> issuer::open(std::vector<pki::certificate> chain, keystore::signing_key_ptr key, issuer_settings settings) {
    const auto bad = [](const char* why) { return fail(error_category::usage, "bad_settings", why); };
    if (chain.empty() || !chain.front().is_ca() ||
        (chain.front().key_usage() && (*chain.front().key_usage() & pki::key_cert_sign) == 0)) {
        return fail(error_category::usage, "bad_profile", "A CA needs a certificate that allows it to sign certificates.");
    }
    if (!same_octets(chain.front().spki(), key->public_key().spki())) {
        return fail(error{error_category::usage, "issuer_key_mismatch",
                          "The private key is not that of the CA " + chain.front().subject() + "."}
                        .with("issuer", chain.front().subject()));
    }
    for (const auto* url : {&settings.crl_url, &settings.delta_url}) {
        if (!url->empty() && (settings.shard_size > 0) != (url->find(shard_place) != std::string::npos)) {
            return bad("Lists in shards need {shard} in their addresses, and a list for all has none.");
        }
    }
    if (!settings.delta_url.empty() && settings.delta_url == settings.crl_url) {
        return bad("A delta has another address than the list that it continues.");
    }
    return issuer(std::move(chain), std::move(key), std::move(settings));
}

std::string issuer::crl_url(std::optional<uint32_t> shard) const {
    return with_shard(settings_.crl_url, shard);
}
std::string issuer::delta_url(std::optional<uint32_t> shard) const {
    return with_shard(settings_.delta_url, shard);
}

result<void> issuer::check_usable(ca_records& records, unix_seconds now) const {
    BERTH_TRY(newest, records.newest());
    if (now < settings_.earliest_clock || now >= settings_.latest_clock || now + most_backwards < newest) {
        return unusable(
            "clock_implausible",
            "the clock says " + to_iso8601(now) + ", and " +
                (now + most_backwards < newest ? "a certificate was issued at " + to_iso8601(newest) : "that is not likely") +
                "; set it right");
    }
    for (size_t i = 0; i < chain_.size(); ++i) {
        const pki::certificate& c = chain_[i];
        if (c.not_before() > now) {
            return unusable("issuer_not_yet_valid",
                            "the certificate of " + c.subject() + " is valid from " + to_iso8601(c.not_before()) + " on");
        }
        if (c.not_after() < now) {
            return unusable("issuer_expired", "the certificate of " + c.subject() + " was valid until " +
                                                  to_iso8601(c.not_after()) + "; give it a new one (berth ca rotate)");
        }
        if (i + 1 == chain_.size()) {
            break;
        }
        BERTH_TRY(status, records.status(chain_[i + 1].spki_sha256(), c.serial()));
        bool revoked = status.state == standing::revoked;
        for (const pki::crl& list : settings_.lists) {
            revoked = revoked ||
                      (list.issuer() == chain_[i + 1].subject() && list.check_signature(chain_[i + 1]) && list.find(c.serial()));
        }
        if (revoked) {
            return unusable("issuer_revoked", "the certificate of " + c.subject() + " was revoked");
        }
    }
    BERTH_TRY(ended, records.is_withdrawn(withdrawal_kind::issuer, withdrawal::of_issuer(id())));
    return ended ? unusable("issuer_revoked", "the CA " + certificate().subject() + " was withdrawn") : result<void>{};
}

result<uint32_t> issuer::check_requester(const issuing_order& order, ca_records& records, unix_seconds now) const {
    const requester& who = order.who;
    uint32_t epoch = 0;
    BERTH_CHECK(require_entitled(order.by, who));
    if (order.by.needs_approval && !order.approved) {
        return refused("approval_required", who, "a person has to approve of it first");
    }
    if (!who.device.empty()) {
        BERTH_TRY(ended, records.is_withdrawn(withdrawal_kind::device, withdrawal::of_device(who.device)));
        if (ended) {
            return refused("requester_withdrawn", who, "the device's life has ended here");
        }
        BERTH_TRY(current, records.epoch_of(who.device));
        epoch = current;
        if (who.epoch && *who.epoch < current) {
            return refused("epoch_passed", who,
                           "the certificate that it has shown is of epoch " + std::to_string(*who.epoch) + ", and epoch " +
                               std::to_string(current) + " has begun");
        }
    }
    // What was got on whose word before is in status() below.
    std::vector<key_hash> vouching = who.between;
    vouching.insert(vouching.end(), {who.issuer, who.anchor, who.device.maker_root});
    for (const key_hash& above : vouching) {
        if (above != key_hash{}) {
            BERTH_TRY(ended, records.is_withdrawn(withdrawal_kind::issuer, withdrawal::of_issuer(above)));
            if (ended) {
                return refused("requester_withdrawn", who, "the word of the CA that vouches for it does not count any more");
            }
        }
    }
    if (who.certificate) {
        BERTH_TRY(status, records.status(who.issuer, who.certificate->serial()));
        if (status.state == standing::revoked) {
            return refused("certificate_revoked", who, "the certificate that it has shown was revoked");
        }
    }
    if (!order.batch.empty()) {
        BERTH_TRY(ended, records.is_withdrawn(withdrawal_kind::batch, withdrawal::of_batch(order.batch)));
        if (ended) {
            return refused("requester_withdrawn", who, "the batch " + order.batch + " was withdrawn");
        }
    }
    if (order.by.most_at_once > 0 && !who.device.empty()) {
        BERTH_TRY(count, records.count_valid(id(), who.device, order.by.name, now));
        if (count >= order.by.most_at_once) {
            return refused("too_many_certificates", who,
                           "it has " + std::to_string(count) + " of the profile " + order.by.name + ", as many as it may have");
        }
    }
    for (const pki::certificate& c : chain_) {
        if (same_octets(c.spki(), order.what.spki)) {
            return refused("key_of_ca", who, "the key is that of the CA " + c.subject());
        }
    }
    return epoch;
}

result<pki::validity> issuer::validity_of(const issuing_order& order, unix_seconds now) const {
    const profile& p = order.by;
    pki::validity out{now - settings_.skew, p.lifetime >= pki::no_expiry - now ? pki::no_expiry : now + p.lifetime};
    out.not_after = std::min(out.not_after, order.not_after.value_or(pki::no_expiry));
    out.not_before = std::max(out.not_before, certificate().not_before());
    // Of the whole chain: a leaf below a CA that ends is not one that is valid.
    unix_seconds end = pki::no_expiry;
    for (const pki::certificate& c : chain_) {
        end = std::min(end, c.not_after());
    }
    if (out.not_after > end) {
        if (!p.until_issuer) {
            return unusable("issuer_expires_first",
                            "a certificate of the profile " + p.name + " would be valid until " + to_iso8601(out.not_after) +
                                ", and the CA ends at " + to_iso8601(end) +
                                "; give it a new certificate (berth ca rotate), or let the profile end with it (until_issuer)");
        }
        out.not_after = end;
    }
    if (out.not_after <= now) {
        return fail(error_category::usage, "bad_template", "This certificate would have expired before it is issued.");
    }
    return out;
}

result<pki::certificate> issuer::issue(const issuing_order& order, ca_records& records, const clock& time,
                                       random_source& random) const {
    const unix_seconds now = time.now();
    BERTH_CHECK(check_usable(records, now));
    BERTH_TRY(epoch, check_requester(order, records, now));
    BERTH_TRY(contents, fill(order.by, order.who, order.what));
    // RFC 5280 4.2.1.9: pathLenConstraint is "the maximum number of non-self-issued intermediate certificates that may follow".
    if (const auto most = certificate().path_length(); contents.is_ca && most && contents.path_length.value_or(0) >= *most) {
        return fail(error{error_category::usage, "path_too_long",
                          "Below " + certificate().subject() + " there is no room for another CA (pathLenConstraint)."}
                        .with("issuer", certificate().subject()));
    }
    BERTH_TRY(times, validity_of(order, now));
    contents.not_before = times.not_before;
    contents.not_after = times.not_after;

    issuance entry;
    entry.issuer = id();
    entry.device = order.who.device;
    BERTH_TRY(place, records.reserve(entry.issuer));
    entry.shard = settings_.shard_size == 0 ? 0 : static_cast<uint32_t>(place / settings_.shard_size);
    pki::issued_extras extras;
    extras.ocsp_no_check = order.by.ocsp_no_check;
    if (!extras.ocsp_no_check) {
        const auto add = [](std::vector<std::string>& to, std::string url) {
            if (!url.empty()) {
                to.push_back(std::move(url));
            }
        };
        add(extras.crl_urls, crl_url(entry.shard));
        add(extras.delta_urls, delta_url(entry.shard));
        add(extras.ocsp_urls, settings_.ocsp_url);
    }
    if (!settings_.issuer_url.empty()) {
        extras.issuer_urls.push_back(settings_.issuer_url);
    }
    if (!order.who.device.empty()) {
        entry.epoch = epoch;
        if (order.by.has_epoch) {
            extras.epoch = epoch;
        }
    }
    entry.profile = order.by.name;
    entry.requester = order.who.name;
    entry.proofs = order.who.proofs_text();
    entry.proof_issuer = order.who.issuer;
    entry.proof_anchor = order.who.anchor;
    BERTH_TRY(origins, inherited(order.who, records));
    entry.origins = std::move(origins);
    entry.batch = order.batch;
    entry.at = now;
    entry.not_before = contents.not_before;
    entry.not_after = contents.not_after;
    // A serial that was there before is drawn again; twice is no accident.
    for (int tries = 0;; ++tries) {
        BERTH_TRY(made, pki::issue(contents, extras, order.what.spki, certificate(), key(), random));
        for (const auto& wanted : order.what.as_issued) {
            if (!pki::has_extension(made, wanted)) {
                return fail(refused("request_refused", order.who,
                                    "it asks for an extension " + wanted.oid +
                                        " that is the CA's to fill in, and would be another; leave it out")
                                .value()
                                .with("field", wanted.oid));
            }
        }
        entry.serial = made.serial();
        entry.certificate = to_bytes(made.der());
        entry.subject = made.subject();
        const auto kept = records.append(entry);
        if (kept) {
            return made;
        }
        if (!kept.error().is("serial_exists") || tries == 2) {
            return fail(kept.error());
        }
    }
}

}  // namespace berth::ca
