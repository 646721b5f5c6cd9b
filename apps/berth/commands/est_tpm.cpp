// berth est tpmenroll: a certificate that one TPM alone can open, for a key in it.
#include "berth/commands/est_options.h"
#include "common/files.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/endorsement.h"
#include "keystore/tpm2/keys.h"

namespace berth::app {

namespace {

namespace tpm2 = keystore::tpm2;

struct tpm_options : est_options {
    std::string tcti, ek_issuers;
};

// The TPM of the new key, and what its maker has put into it.
struct endorsed_tpm {
    tpm2::device_ptr in;
    uint32_t handle = 0;
    tpm2::endorsement_certificate endorsement;
};

result<endorsed_tpm> tpm_of(const std::string& key) {
    BERTH_TRY(name, tpm2::key_name_of(key));
    endorsed_tpm out;
    BERTH_TRY(in, tpm2::device::shared(name.tcti));
    out.in = std::move(in);
    out.handle = name.handle;
    BERTH_TRY(all, tpm2::endorsement_certificates(out.in));
    if (all.empty()) {
        return fail(error_category::environment, "ek_certificate_missing",
                    "the TPM holds no endorsement certificate of its maker's, without which no server knows that it is one");
    }
    out.endorsement = std::move(all.front());
    return out;
}

// What the TPM shows of itself and of the key, for this PKCS#10.
result<est::tpm_request> claim(const endorsed_tpm& tpm, const std::vector<pki::certificate>& issuers, bytes csr) {
    est::tpm_request out;
    BERTH_TRY(certificate, pki::certificate::parse(tpm.endorsement.der));
    out.endorsement.push_back(std::move(certificate));
    out.endorsement.insert(out.endorsement.end(), issuers.begin(), issuers.end());
    {
        BERTH_TRY(ek, tpm2::certified_endorsement_key(tpm.in, tpm.endorsement));
        out.endorsement_key = ek.area().encode();
    }
    BERTH_TRY(ak, tpm2::create_primary(tpm.in, tpm2::hierarchy::endorsement, tpm2::iak_template()));
    out.attestation_key = ak.area().encode();
    BERTH_TRY(key, tpm2::open_persistent(tpm.in, tpm.handle));
    BERTH_TRY(said, tpm2::certify(key, ak, est::certify_with(csr)));
    out.resident = est::tpm_request::certified{key.area().encode(), std::move(said)};
    out.csr = std::move(csr);
    return out;
}

result<pki::certificate> open(const endorsed_tpm& tpm, const est::tpm_answer& sealed, bytes_view spki) {
    BERTH_TRY(ek, tpm2::certified_endorsement_key(tpm.in, tpm.endorsement));
    BERTH_TRY(ak, tpm2::create_primary(tpm.in, tpm2::hierarchy::endorsement, tpm2::iak_template()));
    BERTH_TRY(activated, tpm2::activate_credential(ak, ek, tpm.endorsement.kind, sealed.credential));
    BERTH_TRY(issued, est::open_tpm_answer(sealed, activated));
    if (!same_octets(issued.spki(), spki)) {
        return fail(error_category::peer, "wrong_key", "the EST server has issued a certificate for another key");
    }
    return issued;
}

result<void> tpmenroll(const context& c, tpm_options o) {
    if (!o.tcti.empty() && o.new_key.find(";tcti=") == std::string::npos) {
        o.new_key += ";tcti=" + o.tcti;
    }
    std::vector<pki::certificate> issuers;
    if (!o.ek_issuers.empty()) {
        BERTH_TRY(read, read_chain(o.ek_issuers));
        issuers = std::move(read);
    }
    BERTH_TRY(contents, contents_of(o));
    BERTH_TRY(tpm, tpm_of(o.new_key));
    BERTH_TRY(talk, converse(o));
    BERTH_TRY(key, open_or_make_key(o));
    const bytes spki = to_bytes(key.spki());
    BERTH_TRY(filled, as_wanted(talk, std::move(contents)));
    BERTH_TRY(wish, wish_for(o, std::move(filled), std::move(key), std::nullopt));
    const auto show = [&](bytes csr) { return claim(tpm, issuers, std::move(csr)); };
    BERTH_TRY(sealed, insist<est::tpm_answer, est_session::sealed>(o, [&] {
                  return talk.wait_for<est_session::sealed>([&](auto then) { talk.session->tpm_enrol(wish, show, then); });
              }));
    BERTH_TRY(issued, open(tpm, sealed, spki));
    return put_out(c, o, talk, issued, "enrolled");
}

}  // namespace

void add_est_tpm(CLI::App& est, context& c) {
    const auto o = std::make_shared<tpm_options>();
    auto* const command = est.add_subcommand("tpmenroll", "have a key in a TPM certified; that TPM alone can open the answer");
    add_server_options(*command, *o);
    add_request_options(*command, *o);
    command->add_option("--new-key", o->new_key, "the key to be certified: tpm2:0x81000002")->required();
    command->add_option("--alg", o->algorithm, "make that key there, of this algorithm (p256)");
    command->add_option("--tcti", o->tcti, "how to reach the TPM, where --new-key does not say");
    command->add_option("--ek-issuers", o->ek_issuers, "CAs of the TPM's maker that the server may not have (PEM)");
    command->callback([o, &c] { c.run([&] { return tpmenroll(c, *o); }); });
}

}  // namespace berth::app
