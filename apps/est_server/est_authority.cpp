#include "est_server/est_authority.h"

#include "common/files.h"
#include "crypto/hash.h"

namespace berth::app {

namespace {

constexpr std::string_view id_prefix = "berth est request 1";

// A profile's demand, as a rule of access; nothing: by EST nobody can prove that.
std::optional<est::access_rule> rule_for(const std::set<ca::proof>& demand) {
    est::access_rule out;
    for (const auto p : demand) {
        switch (p) {
        case ca::proof::idevid:
        case ca::proof::ldevid:
        case ca::proof::operational:
            if (out.trust != 0) {
                return std::nullopt;  // a connection shows one certificate
            }
            out.how = out.how | est::proof::certificate;
            out.trust = static_cast<uint8_t>(p == ca::proof::idevid   ? est::trust_class::idevid
                                             : p == ca::proof::ldevid ? est::trust_class::ldevid
                                                                      : est::trust_class::operational);
            break;
        case ca::proof::ra:
            if ((out.trust & ~static_cast<uint8_t>(est::trust_class::operational)) != 0) {
                return std::nullopt;
            }
            out.how = out.how | est::proof::certificate;
            out.trust = static_cast<uint8_t>(est::trust_class::operational);
            break;
        case ca::proof::basic: out.how = out.how | est::proof::basic; break;
        case ca::proof::secret:
        case ca::proof::address: out.how = out.how | est::proof::header_secret; break;
        case ca::proof::token: out.how = out.how | est::proof::token; break;
        case ca::proof::endorsement: break;  // shown by what is asked for
        case ca::proof::admin: return std::nullopt;
        }
    }
    return out;
}

est::label_policy policy_of(const est_label_config& config, const ca::profile& profile) {
    est::label_policy out;
    out.binding = config.binding_required ? est::binding_rule::required : est::binding_rule::if_present;
    out.public_information = config.public_information;
    // The profile knows all that a certificate of it may say of whoever asks; so a request may also say just that.
    out.authority_judges_names = true;
    out.for_authorities = std::ranges::any_of(profile.required, [](const auto& set) { return set.contains(ca::proof::ra); });
    out.known_extensions.assign(ca::issuers_extensions.begin(), ca::issuers_extensions.end());
    for (const auto& demand : profile.required) {
        auto rule = rule_for(demand);
        if (!rule) {
            continue;
        }
        if (demand.contains(ca::proof::endorsement)) {
            rule->operations = {est::operation::cacerts, est::operation::csrattrs, est::operation::tpmenroll};
            rule->anybody = rule->how.none();
            out.access.push_back(std::move(*rule));
            continue;
        }
        rule->operations = {est::operation::cacerts, est::operation::csrattrs, est::operation::simpleenroll};
        // Only who shows a certificate has one that can be renewed; what a registration authority shows is its own.
        if (rule->how.has(est::proof::certificate) && !demand.contains(ca::proof::ra)) {
            rule->operations.push_back(est::operation::simplereenroll);
        }
        if (config.makes_keys) {
            rule->operations.push_back(est::operation::serverkeygen);
        }
        out.access.push_back(std::move(*rule));
    }
    return out;
}

void append_field(bytes& to, bytes_view field) {
    const auto size = static_cast<uint32_t>(field.size());
    for (const int shift : {24, 16, 8, 0}) {
        to.push_back(static_cast<uint8_t>(size >> shift));
    }
    append(to, field);
}

// What a request wants its key for: who approves one does not approve another.
std::string uses_of(const pki::csr_contents& asks) {
    std::string out = asks.key_usage ? fmt::format("{}", *asks.key_usage) : "any";
    for (const auto& oid : asks.extended_key_usages) {
        out += " " + oid;
    }
    if (asks.basic_constraints) {
        out += asks.basic_constraints->ca ? " ca" : " leaf";
        if (asks.basic_constraints->path_length) {
            out += fmt::format(" {}", *asks.basic_constraints->path_length);
        }
    }
    return out;
}

// The private key of a certificate that is about to be.
struct made_key {
    bytes spki;
    secret_bytes pkcs8;
};
result<made_key> make_key(const ca::key_kind& kind, random_source& random) {
    if (const auto* alg = std::get_if<crypto::signature_algorithm>(&kind)) {
        const auto key = crypto::signing_key::generate(*alg, random);
        BERTH_TRY(pkcs8, key.to_pkcs8());
        return made_key{to_bytes(key.public_key().spki()), std::move(pkcs8)};
    }
    const auto key = crypto::kem_private_key::generate(std::get<crypto::kem_algorithm>(kind), random);
    BERTH_TRY(pkcs8, key.to_pkcs8());
    return made_key{to_bytes(key.public_key().spki()), std::move(pkcs8)};
}

pki::wanted_key wanted_of(const ca::key_kind& kind) {
    return std::visit([](const auto alg) { return pki::wanted(alg); }, kind);
}

// Of every CA among `chain` that has had another key: what `berth ca rotate` wrote beside it.
result<std::vector<pki::certificate>> rollover_of(const ca_directory& directory, const std::vector<pki::certificate>& chain) {
    std::vector<pki::certificate> out;
    BERTH_TRY(names, directory.names());
    for (const auto& name : names) {
        BERTH_TRY(own, directory.chain(name));
        if (std::find(chain.begin(), chain.end(), own.front()) == chain.end()) {
            continue;
        }
        for (const char* const more : {".old-with-new.pem", ".new-with-old.pem", ".anchors.pem"}) {
            const auto file = directory.path() / (name + more);
            BERTH_TRY(there, is_there(file));
            if (there) {
                BERTH_TRY(all, read_chain(file));
                out.insert(out.end(), std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
            }
        }
    }
    return out;
}

}  // namespace

result<std::unique_ptr<est_office>> est_office::open(const est_config& config, est_believed believed, store::opening how) {
    BERTH_TRY(passphrase, read_passphrase(config.directory_passphrase_file));
    BERTH_TRY(directory, ca_directory::open(config.directory, std::move(passphrase), how));
    std::unique_ptr<est_office> out(new est_office(std::move(directory)));
    out->believed_ = std::move(believed);
    for (const auto& label : config.labels) {
        if (auto added = out->add(label); !added) {
            // Of the label and its profile as of each other: where they were brought together.
            return fail(std::move(added).error().during(label.where).with("where", label.where));
        }
    }
    return out;
}

result<void> est_office::add(const est_label_config& config) {
    BERTH_TRY(placed, directory_.configuration().find(config.profile));
    est_label out;
    out.config = config;
    out.profile = placed.profile;
    out.authority = placed.authority;
    out.policy = policy_of(config, placed.profile);
    if (out.policy.access.empty()) {
        return fail(
            error{error_category::usage, "bad_config",
                  fmt::format("the profile {} of [[est.label]] demands what nobody can prove by EST: its `requires` needs a set "
                              "of idevid, ldevid or operational, basic, secret, address, token, ra, endorsement",
                              config.profile)}
                .with("profile", config.profile));
    }
    if (out.policy.for_authorities && config.maker.empty()) {
        return fail(error{error_category::usage, "bad_config",
                          fmt::format("the profile {} is given to registration authorities (ra), which ask for devices of a "
                                      "maker, and the label says of none: nothing would tell whose device a serial number "
                                      "means, nor end what it was given. Name the maker's root: maker = \"z1.pem\"",
                                      config.profile)}
                        .with("profile", config.profile));
    }
    const auto by_tpm_alone = [](const auto& set) {
        return set.contains(ca::proof::endorsement) &&
               std::ranges::all_of(set, [](ca::proof p) { return p == ca::proof::endorsement || p == ca::proof::address; });
    };
    if (placed.profile.most_at_once > 0 && std::ranges::any_of(placed.profile.required, by_tpm_alone)) {
        return fail(error{error_category::usage, "bad_config",
                          fmt::format("the profile {} has most_at_once and is given to whoever shows an endorsement key's "
                                      "certificate: somebody else could use up what a TPM may have. Leave out most_at_once, or "
                                      "demand more beside the endorsement",
                                      config.profile)}
                        .with("profile", config.profile));
    }
    if (!issuers_.contains(placed.authority)) {
        BERTH_TRY(issuer, directory_.issuer(placed.authority));
        issuers_.emplace(placed.authority, std::move(issuer));
    }
    const auto chain = issuers_.at(placed.authority).chain();
    out.certificates.assign(chain.begin(), chain.end());
    // While a root is being replaced: both, and what leads from one to the other (RFC 7030 4.1.3).
    BERTH_TRY(rollover, rollover_of(directory_, out.certificates));
    for (auto& one : rollover) {
        if (std::find(out.certificates.begin(), out.certificates.end(), one) == out.certificates.end()) {
            out.certificates.push_back(std::move(one));
        }
    }
    out.attributes.key = wanted_of(out.profile.keys.front());
    if (!config.maker.empty()) {
        BERTH_TRY(root, read_certificate(config.maker));
        out.maker_root = root.spki_sha256();
    }
    if (config.binding_required) {
        out.attributes.oids.emplace_back(pki::oid_challenge_password);
    }
    labels_.emplace(config.label, std::move(out));
    return {};
}

const est_label* est_office::find(std::string_view label) const {
    const auto found = labels_.find(label);
    return found == labels_.end() ? nullptr : &found->second;
}

result<void> est_office::check_usable(const clock& time) const {
    for (const auto& [name, issuer] : issuers_) {
        BERTH_CHECK(issuer.check_usable(records(), time.now()));
    }
    return {};
}

const est::label_policy* est_request_authority::policy(std::string_view label) const {
    const auto* found = office_.find(label);
    return found ? &found->policy : nullptr;
}

result<std::vector<pki::certificate>> est_request_authority::ca_certificates(std::string_view label) const {
    return office_.find(label)->certificates;
}

result<pki::csr_attributes> est_request_authority::attributes(std::string_view label, const est::requester&) const {
    return office_.find(label)->attributes;
}

std::optional<pki::possession_rules> est_request_authority::vouchers(std::string_view label) const {
    const auto& kinds = office_.find(label)->profile.keys;
    const bool kem = std::any_of(kinds.begin(), kinds.end(), [](const auto& k) { return k.index() == 1; });
    if (!kem || !office_.believed_.vouchers) {
        return std::nullopt;
    }
    pki::verify_options how;
    how.time = pki::validity_instants::at(time_.now());
    // Whoever asks over TLS with a signature key's certificate vouches with it: it need not be carried.
    return pki::possession_rules{*office_.believed_.vouchers, how, who_.est.chain, true};
}

// RFC 7030 4.2.3: a client comes again with the same request; another connection's binding makes it other octets. Who asks, for
// which key, which names and which uses is what makes it the same.
// A TPM of which nothing else is shown is called by its endorsement key; somebody whose device is known keeps that name.
// What ends the word of a TPM's maker here ends it whatever else is shown beside; and all of them are noted as those on whose
// word the certificate stands.
result<ca::requester> est_request_authority::with_endorsement(const pki::verified_chain& endorsement) const {
    const auto& chain = endorsement.chain();
    for (size_t i = 0; i < chain.size(); ++i) {
        const auto above = (i + 1 < chain.size() ? chain[i + 1] : endorsement.anchor()).spki_sha256();
        BERTH_TRY(status, office_.records().status(above, chain[i].serial()));
        BERTH_TRY(ended, office_.records().is_withdrawn(ca::withdrawal_kind::issuer, ca::withdrawal::of_issuer(above)));
        if (ended || status.state == ca::standing::revoked) {
            return fail(error_category::peer, "requester_withdrawn",
                        "The certificate of " + chain[i].subject() + " was revoked here, or the word of its issuer withdrawn.");
        }
    }
    ca::requester out = who_.ca;
    out.proofs.insert(ca::proof::endorsement);
    const auto& ek = endorsement.leaf();
    if (out.device.empty()) {
        out.device.serial = to_hex(ek.spki_sha256());
        out.name = out.device.serial;
    }
    if (!out.certificate) {
        out.certificate = ek;
        out.issuer = (chain.size() > 1 ? chain[1] : endorsement.anchor()).spki_sha256();
        out.anchor = endorsement.anchor().spki_sha256();
    }
    for (size_t i = 1; i < chain.size(); ++i) {
        out.between.push_back(chain[i].spki_sha256());
    }
    out.between.push_back(endorsement.anchor().spki_sha256());
    return out;
}

result<ca::requester> est_request_authority::subject_of(const est_label& label, const est::enrolment& request) const {
    if (request.endorsed) {
        return with_endorsement(request.endorsed->endorsement());
    }
    const bool for_others =
        std::ranges::any_of(label.profile.required, [](const auto& set) { return set.contains(ca::proof::ra); });
    if (!for_others || !who_.ca.proofs.contains(ca::proof::ra)) {
        return who_.ca;
    }
    // The authority's own device, if it is one, must be in its epoch; the other device's is its own.
    if (who_.ca.epoch && !who_.ca.device.empty()) {
        BERTH_TRY(current, office_.records().epoch_of(who_.ca.device));
        if (*who_.ca.epoch < current) {
            return fail(error_category::peer, "epoch_passed",
                        "The registration authority's certificate is of an epoch that has passed.");
        }
    }
    std::vector<std::string> serials;
    for (const auto& [attribute, value] : request.asks.name.attributes) {
        if (attribute == "serialNumber") {
            serials.push_back(value);
        }
    }
    if (serials.size() != 1) {
        return fail(error_category::peer, "identity_incomplete",
                    "A registration authority asks for one device, which the subject of the request names by its serialNumber.");
    }
    ca::requester out = who_.ca;
    out.name = fmt::format("{} (asked for by {})", serials.front(), who_.ca.name);
    out.device = {label.maker_root, serials.front()};
    out.epoch.reset();
    return out;
}

ca::pending_request est_request_authority::pending(const est_label& label, const est::enrolment& request,
                                                   const ca::requester& who) const {
    // A key that is made here is another one each time.
    const bytes_view key = request.what == est::operation::serverkeygen ? bytes_view() : bytes_view(request.asks.spki);
    // Kept here: the loop below has only views of them.
    const std::string proofs = who.proofs_text();
    const std::string uses = uses_of(request.asks);
    bytes same = to_bytes(as_bytes(id_prefix));
    // Devices of two makers may have the same name. Each renewal is a request of its own, also with the key that was there.
    const bytes replaced = request.replaces ? to_bytes(request.replaces->sha256()) : bytes();
    for (const bytes_view field :
         {as_bytes(label.profile.name), as_bytes(who.name), bytes_view(who.device.maker_root), as_bytes(who.device.serial),
          as_bytes(proofs), key, bytes_view(replaced), bytes_view(request.asks.subject_der),
          bytes_view(request.asks.alt_names_value), as_bytes(uses)}) {
        append_field(same, field);
    }
    ca::pending_request out;
    out.id = to_array<32>(crypto::sha256(same).view());
    out.profile = label.profile.name;
    out.requester = who.name;
    out.proofs = proofs;
    out.device = who.device;
    out.request = to_bytes(request.request);
    out.at = time_.now();
    return out;
}

result<ca::pending_request> est_request_authority::decided(const ca::pending_request& request) const {
    BERTH_TRY(known, office_.records().ask(request));
    if (known.state == ca::decision::denied) {
        return fail(error{error_category::peer, "approval_denied", "This request was denied.", {{"status", "403"}}});
    }
    return known;
}

// It was in the log before anybody saw it, and whoever asks the same again may not have seen it at all.
result<pki::certificate> est_request_authority::given_before(const est_label& label, const ca::pending_request& request,
                                                             bytes_view spki) const {
    const auto by = office_.issuers_.at(label.authority).id();
    std::optional<ca::issuance> found;
    ca::log_query of_device;
    of_device.device = request.device.serial;
    for (bool more = !request.device.empty(); more;) {
        BERTH_TRY(entries, office_.records().list(of_device));
        for (auto& each : entries) {
            of_device.after = each.number;
            // One that is younger than the decision was got by another request: a renewal may keep its key.
            if (each.issuer != by || each.device != request.device || each.profile != request.profile ||
                each.requester != request.requester || each.proofs != request.proofs || each.at > request.decided_at ||
                each.not_after < time_.now()) {
                continue;
            }
            BERTH_TRY(certificate, pki::certificate::parse(each.certificate));
            if (same_octets(certificate.spki(), spki)) {
                found = std::move(each);
            }
        }
        more = entries.size() == of_device.most;
    }
    if (found) {
        BERTH_TRY(status, office_.records().status(found->issuer, found->serial));
        if (status.state == ca::standing::good) {
            return pki::certificate::parse(found->certificate);
        }
    }
    return fail(error{error_category::peer,
                      "already_issued",
                      "A certificate was issued for this request already: renew it, or ask with another key.",
                      {{"status", "403"}}});
}

result<std::optional<pki::certificate>> est_request_authority::certify(const est::enrolment& request, bytes_view spki) {
    const est_label& label = *office_.find(request.label);
    if (who_.token && !who_.token->profile.empty() && who_.token->profile != label.profile.name) {
        return fail(error{error_category::peer,
                          "token_of_another",
                          "The token was given for certificates of another profile.",
                          {{"status", "403"}}});
    }
    BERTH_TRY(who, subject_of(label, request));
    const auto asked_for = label.profile.needs_approval ? std::optional(pending(label, request, who)) : std::nullopt;
    if (asked_for) {
        BERTH_TRY(known, decided(*asked_for));
        if (known.state == ca::decision::waiting) {
            return std::nullopt;
        }
        if (known.state == ca::decision::issued) {
            BERTH_TRY(again, given_before(label, known, spki));
            return std::optional(std::move(again));
        }
    }
    ca::asked what = ca::asked_by(request.asks);
    what.spki = to_bytes(spki);
    ca::issuing_order order{label.profile, who, what};
    order.approved = asked_for.has_value();
    // Who is told that he is refused has nothing in the log.
    return office_.records().all_or_nothing([&]() -> result<std::optional<pki::certificate>> {
        BERTH_TRY(made, office_.issuers_.at(label.authority).issue(order, office_.records(), time_, random_));
        if (who_.token) {
            BERTH_CHECK(office_.records().use_token(who_.token->hash, who_.ca.device.serial, time_.now()));
        }
        if (asked_for) {
            BERTH_CHECK(office_.records().decide(asked_for->id, ca::decision::issued, "EST", time_.now()));
        }
        return std::optional(std::move(made));
    });
}

result<std::variant<est::issued, est::waiting>> est_request_authority::enrol(const est::enrolment& request) {
    BERTH_TRY(made, certify(request, request.asks.spki));
    if (!made) {
        return est::waiting{office_.find(request.label)->config.retry_after};
    }
    return est::issued{std::move(*made)};
}

result<est::endorsed_key> est_request_authority::endorse(std::string_view label, const est::tpm_request& request,
                                                         bytes_view csr_spki) {
    if (!office_.believed_.tpm_makers) {
        return authority::endorse(label, request, csr_spki);
    }
    return est::endorsed_key::judge(request, csr_spki, *office_.believed_.tpm_makers, time_.now(), office_.believed_.tpm_lists);
}

result<est::tpm_answer> est_request_authority::seal(const est::endorsed_key& for_whom, const pki::certificate& issued) {
    return for_whom.seal(issued, random_);
}

result<std::variant<est::generated, est::waiting>> est_request_authority::generate(const est::enrolment& request) {
    const est_label& label = *office_.find(request.label);
    if (!label.config.makes_keys) {
        return authority::generate(request);
    }
    BERTH_TRY(key, make_key(label.profile.keys.front(), random_));
    BERTH_TRY(made, certify(request, key.spki));
    if (!made) {
        return est::waiting{label.config.retry_after};
    }
    return est::generated{std::move(*made), std::move(key.pkcs8)};
}

}  // namespace berth::app
