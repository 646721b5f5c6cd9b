#include "setup/ca_hierarchy.h"

#include "ca/names.h"
#include "common/files.h"
#include "keystore/key_uri.h"
#include "pki/csr.h"
#include "wire/pem.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr unix_seconds clock_skew = 300;

// Where the key of a CA that is about to be made will be.
result<void> note_key_uri(const fs::path& directory, const std::string& name, const std::string& uri) {
    if (uri.empty()) {
        return {};
    }
    BERTH_CHECK(refuse_existing(directory / (name + ".uri")));
    return write_text(directory / (name + ".uri"), uri + "\n");
}

result<keystore::signing_key_ptr> new_key(const ca_directory& in, const new_authority& order, random_source& random) {
    BERTH_CHECK(ca::check_name_value("O", order.organization));
    BERTH_CHECK(ca::check_name_value("CN", order.common_name));
    if (order.name.empty() || order.name.find_first_of("/.") != std::string::npos) {
        return fail(error_category::usage, "bad_arguments",
                    fmt::format("\"{}\" cannot be the name of a CA's files: no slash and no dot", order.name));
    }
    BERTH_CHECK(refuse_existing(in.path() / (order.name + ".pem")));
    BERTH_CHECK(note_key_uri(in.path(), order.name, order.key_uri));
    return make_key_of(in.path(), order.name, order.algorithm, random, in.passphrase());
}

unix_seconds end_of(const new_authority& order, unix_seconds now) {
    return order.lifetime >= pki::no_expiry - now ? pki::no_expiry : now + order.lifetime;
}

result<pki::certificate> make_new_root(const ca_directory& in, const new_authority& order, const crypto::signing_key& key,
                                       unix_seconds now, random_source& random) {
    const auto contents = pki::root_template(order.organization, order.common_name, {now - clock_skew, end_of(order, now)});
    BERTH_TRY(made, pki::issue_self_signed(contents, key, random));
    BERTH_CHECK(log_certificate(in.records(), made, made.spki_sha256(), "root", "", now));
    BERTH_CHECK(write_text(in.path() / (order.name + ".pem"), made.to_pem()));
    return made;
}

// Certificates of one chain, leaf first, each signed by the next.
result<void> check_chain(const std::vector<pki::certificate>& chain) {
    BERTH_CHECK(pki::check_issuing_ca(chain.front()));
    for (size_t i = 0; i + 1 < chain.size(); ++i) {
        BERTH_CHECK(chain[i].check_signature(chain[i + 1]));
    }
    return {};
}

ca::profile subordinate_profile(const new_authority& order) {
    ca::profile p;
    p.name = "subordinate";
    p.required = {{ca::proof::admin}};
    p.may_ask.attributes = {"O", "CN"};
    p.keys = {order.algorithm};
    p.lifetime = order.lifetime;
    p.key_usage = static_cast<uint16_t>(pki::key_cert_sign | pki::crl_sign);
    p.is_ca = true;
    p.path_length = order.path_length;
    return p;
}

}  // namespace

result<pki::certificate> certify_authority(const ca_directory& in, const new_authority& order, bytes_view spki, const clock& time,
                                           random_source& random) {
    BERTH_TRY(above, in.issuer(order.under));
    ca::requester admin{{ca::proof::admin}, order.common_name, {}};
    ca::asked what{to_bytes(spki), {}, {}};
    what.subject.add("O", order.organization).add("CN", order.common_name);
    const ca::profile p = subordinate_profile(order);
    return above.issue({p, admin, what}, in.records(), time, random);
}

result<pki::certificate> make_authority(const ca_directory& in, const new_authority& order, const clock& time,
                                        random_source& random) {
    if (!order.under.empty()) {
        // Before a key is made for nothing.
        BERTH_TRY(above, in.issuer(order.under));
        BERTH_CHECK(above.check_usable(in.records(), time.now()));
    }
    BERTH_TRY(key, new_key(in, order, random));
    auto certified = order.under.empty() ? make_new_root(in, order, key->as_signing_key(), time.now(), random)
                                         : certify_authority(in, order, key->public_key().spki(), time, random);
    if (!certified) {
        // A key without a certificate would be in the way of the next attempt.
        std::error_code gone;
        fs::remove(in.path() / (order.name + ".key"), gone);
        return fail(std::move(certified).error());
    }
    const pki::certificate made = *certified;
    if (order.under.empty()) {
        return made;
    }
    BERTH_TRY(above, in.chain(order.under));
    above.insert(above.begin(), made);
    BERTH_CHECK(write_text(in.path() / (order.name + ".pem"), pki::to_pem(above)));
    return made;
}

// ---- the hierarchies

namespace {

struct planned {
    const char* name;
    const char* under;
    const char* title;
    unix_seconds lifetime;
};

// "Infineon EK Root CA > EK ICA; device root CA > IDevID ICA; customer root CA > LDevID ICA, operational ICA". What certifies
// things that are in chips for good does not end (IEEE 802.1AR 8.7: "99991231235959Z").
std::vector<planned> plan_of(hierarchy which) {
    switch (which) {
    case hierarchy::customer:
        return {{"z2", "", "root", 20 * one_year},
                {"ldevid-ca", "z2", "LDevID CA", 19 * one_year},
                {"ca", "z2", "operational CA", 10 * one_year}};
    case hierarchy::maker: return {{"z1", "", "device root", pki::no_expiry}, {"idevid-ca", "z1", "IDevID CA", pki::no_expiry}};
    case hierarchy::tpm_maker:
        return {{"ek-root", "", "TPM EK root", pki::no_expiry}, {"ek-ca", "ek-root", "TPM EK CA", pki::no_expiry}};
    }
    return {};
}

struct chain_kind {
    std::string suffix;
    std::string words;
    crypto::signature_algorithm algorithm;
};

std::vector<chain_kind> kinds_of(const hierarchy_order& order) {
    std::vector<chain_kind> out{{"", "", order.algorithm}};
    if (order.dual) {
        out.push_back(crypto::is_post_quantum(order.algorithm)
                          ? chain_kind{"-classical", " (classical)", crypto::signature_algorithm::ecdsa_p384_sha384}
                          : chain_kind{"-pq", " (post-quantum)", crypto::signature_algorithm::mldsa65});
    }
    return out;
}

}  // namespace

std::optional<hierarchy> hierarchy_named(std::string_view name) {
    if (name == "customer") {
        return hierarchy::customer;
    }
    if (name == "maker") {
        return hierarchy::maker;
    }
    return name == "tpm-maker" ? std::optional(hierarchy::tpm_maker) : std::nullopt;
}

result<std::vector<std::string>> make_hierarchies(const fs::path& directory, const hierarchy_order& order, const clock& time,
                                                  random_source& random) {
    BERTH_CHECK(make_directory(directory, 0700));
    std::vector<new_authority> all;
    std::vector<std::string> names;
    for (const hierarchy which : order.which) {
        for (const chain_kind& kind : kinds_of(order)) {
            for (const planned& p : plan_of(which)) {
                new_authority one;
                one.name = p.name + kind.suffix;
                one.organization = order.organization;
                one.common_name = order.organization + " " + p.title + kind.words;
                one.algorithm = kind.algorithm;
                one.under = *p.under == '\0' ? std::string() : p.under + kind.suffix;
                one.lifetime = p.lifetime;
                BERTH_CHECK(refuse_existing(directory / (one.name + ".pem")));
                names.push_back(one.name);
                all.push_back(std::move(one));
            }
        }
    }
    BERTH_TRY(in, ca_directory::open(directory, order.passphrase));
    for (const new_authority& one : all) {
        BERTH_CHECK(make_authority(in, one, time, random));
    }
    BERTH_CHECK(give_profiles(directory, order.organization, names));
    return names;
}

// ---- below somebody else's, and from somewhere else

result<std::string> request_authority(const ca_directory& in, const new_authority& order, random_source& random) {
    BERTH_TRY(key, new_key(in, order, random));
    pki::csr_template contents;
    contents.subject.add("O", order.organization).add("CN", order.common_name);
    BERTH_TRY(der, pki::build_csr(contents, key->as_signing_key()));
    return wire::to_pem("CERTIFICATE REQUEST", der);
}

result<pki::certificate> accept_authority(const ca_directory& in, const std::string& name,
                                          const std::vector<pki::certificate>& chain, const clock& time) {
    BERTH_CHECK(refuse_existing(in.path() / (name + ".pem")));
    BERTH_CHECK(check_chain(chain));
    BERTH_TRY(key, open_key_of(in.path(), name, in.passphrase()));
    BERTH_TRY(usable, ca::issuer::open(chain, key, {}));
    BERTH_CHECK(usable.check_usable(in.records(), time.now()));
    BERTH_CHECK(write_text(in.path() / (name + ".pem"), pki::to_pem(chain)));
    return chain.front();
}

namespace {

// An entry of an attempt before this one is as good as a new one.
result<void> log_imported(ca::ca_records& records, const pki::certificate& c, const ca::key_hash& issuer, unix_seconds now) {
    const auto done = log_certificate(records, c, issuer, "imported", "", now);
    if (done || !done.error().is("serial_exists")) {
        return done;
    }
    BERTH_TRY(before, records.find(issuer, c.serial()));
    return before && same_octets(before->certificate, c.der()) ? result<void>{} : fail(done.error());
}

// In commits of import_batch calls each.
class batches {
public:
    batches(store::sqlite_ca_store& records, const clock& time, const std::function<void(milliseconds)>& between)
        : records_(records), time_(time), between_(between) {}
    result<void> before_next() {
        if (open_ && ++calls_ < import_batch) {
            return {};
        }
        if (open_) {
            BERTH_CHECK(end());
            if (between_) {
                between_(time_.steady() - began_);
            }
        }
        began_ = time_.steady();
        BERTH_CHECK(records_.begin_batch());
        open_ = true;
        calls_ = 0;
        return {};
    }
    result<void> end() { return std::exchange(open_, false) ? records_.end_batch() : result<void>{}; }

private:
    store::sqlite_ca_store& records_;
    const clock& time_;
    const std::function<void(milliseconds)>& between_;
    bool open_ = false;
    size_t calls_ = 0;
    milliseconds began_ = 0;
};

}  // namespace

result<imported> import_authority(const ca_directory& in, const import_order& order, const clock& time,
                                  const std::function<void(milliseconds)>& between) {
    BERTH_CHECK(refuse_existing(in.path() / (order.name + ".pem")));
    if (!order.chain.front().is_self_issued()) {
        BERTH_CHECK(check_chain(order.chain));
    } else {
        BERTH_CHECK(pki::check_root(order.chain.front()));
    }
    const pki::certificate& own = order.chain.front();
    for (const auto& c : order.issued) {
        BERTH_CHECK(c.check_signature(own));
    }
    for (const auto& list : order.lists) {
        BERTH_CHECK(list.check_signature(own));
    }
    BERTH_TRY(key, keystore::open_signing_key(order.key_uri, {"", in.passphrase(), {}}));
    BERTH_CHECK(ca::issuer::open(order.chain, key, {}));
    const unix_seconds now = time.now();
    imported out;
    batches batch(in.records(), time, between);
    for (const auto& c : order.issued) {
        BERTH_CHECK(batch.before_next());
        BERTH_CHECK(log_imported(in.records(), c, own.spki_sha256(), now));
        ++out.issued;
    }
    for (const auto& list : order.lists) {
        for (const auto& entry : list.revoked()) {
            BERTH_CHECK(batch.before_next());
            const auto done = in.records().revoke(own.spki_sha256(), entry.serial, entry.reason, entry.revoked_at);
            if (done) {
                ++out.revoked;
            } else if (done.error().is("unknown_certificate")) {
                out.unknown.push_back(to_hex(entry.serial));
            } else {
                return fail(done.error());
            }
        }
    }
    BERTH_CHECK(batch.end());
    // The files last: what is there is whole.
    BERTH_CHECK(note_key_uri(in.path(), order.name, order.key_uri));
    BERTH_CHECK(write_text(in.path() / (order.name + ".pem"), pki::to_pem(order.chain)));
    return out;
}

}  // namespace berth::app
