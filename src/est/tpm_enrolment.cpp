#include "est/tpm_enrolment.h"

#include "attestation/endorsement.h"
#include "crypto/hash.h"
#include "pki/certs_only.h"
#include "pki/enveloped.h"

namespace berth::est {

namespace {

constexpr std::string_view octet_stream = "application/octet-stream";
constexpr std::string_view enveloped = "application/pkcs7-mime; smime-type=enveloped-data";
constexpr size_t parts_of_peers = 4;
constexpr size_t parts_of_ours = 7;
constexpr size_t parts_of_answers = 3;
constexpr size_t most_endorsement_certificates = 8;
// What a recipient is told of the key of an envelope.
constexpr std::string_view key_name = "TPM credential";

tl::unexpected<error> refuse(std::string name, std::string what) {
    return fail(error_category::peer, std::move(name), std::move(what));
}

tl::unexpected<error> wrong_parts(const char* which) {
    return refuse("bad_multipart", std::string("The parts of the ") + which + " are not those of tpmenroll, in their order.");
}

bytes take(body_part& part) {
    return to_bytes(part.octets.reveal());
}

bool are(const std::vector<body_part>& parts, std::initializer_list<std::string_view> first, std::string_view rest) {
    for (size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].kind.type != (i < first.size() ? first.begin()[i] : rest)) {
            return false;
        }
    }
    return true;
}

}  // namespace

bytes certify_with(bytes_view csr) {
    return crypto::sha256(csr).to_bytes();
}

result<tpm_request> read_tpm_request(const media_type& type, std::string_view body) {
    BERTH_TRY(parts, read_parts(type, body, parts_of_ours, most_request));
    if ((parts.size() != parts_of_peers && parts.size() != parts_of_ours) ||
        !are(parts, {type::pkcs10, type::pkcs7}, octet_stream)) {
        return wrong_parts("request");
    }
    tpm_request out;
    out.csr = take(parts[0]);
    BERTH_TRY(bundle, pki::parse_certs_only(parts[1].octets.reveal(), {.certificates = most_endorsement_certificates}));
    if (bundle.certificates.empty()) {
        return wrong_parts("request");
    }
    out.endorsement = std::move(bundle.certificates);
    out.endorsement_key = take(parts[2]);
    out.attestation_key = take(parts[3]);
    if (parts.size() == parts_of_ours) {
        out.resident = tpm_request::certified{take(parts[4]), {take(parts[5]), take(parts[6])}};
    }
    return out;
}

std::string tpm_request_body(const tpm_request& request, framing how) {
    body_writer out(how);
    out.add(type::pkcs10, request.csr);
    out.add(type::certs_only, pki::build_certs_only(request.endorsement));
    out.add(octet_stream, request.endorsement_key);
    out.add(octet_stream, request.attestation_key);
    if (request.resident) {
        out.add(octet_stream, request.resident->key);
        out.add(octet_stream, request.resident->said.octets);
        out.add(octet_stream, request.resident->said.signature);
    }
    return out.take();
}

result<tpm_answer> read_tpm_answer(const media_type& type, std::string_view body) {
    BERTH_TRY(parts, read_parts(type, body, parts_of_answers, most_response));
    if (parts.size() != parts_of_answers || !are(parts, {octet_stream, octet_stream}, type::pkcs7)) {
        return wrong_parts("answer");
    }
    return tpm_answer{{take(parts[0]), take(parts[1])}, take(parts[2])};
}

std::string tpm_answer_body(const tpm_answer& answer, framing how) {
    body_writer out(how);
    out.add(octet_stream, answer.credential.blob);
    out.add(octet_stream, answer.credential.encrypted_secret);
    out.add(enveloped, answer.envelope);
    return out.take();
}

result<pki::certificate> open_tpm_answer(const tpm_answer& answer, const secret_bytes& activated) {
    BERTH_TRY(der, pki::open_envelope(answer.envelope, activated));
    return pki::certificate::parse(der);
}

result<endorsed_key> endorsed_key::judge(const tpm_request& request, bytes_view csr_spki, const pki::trust_store& makers,
                                         unix_seconds now, pki::crl_policy lists) {
    pki::verify_options how;
    how.revocation = lists;
    how.time = pki::validity_instants::at(now);
    how.leaf = pki::leaf_rule::endorsement;
    how.allow_rsa = true;
    auto endorsement = pki::verify_chain(makers, request.endorsement, how);
    if (!endorsement) {
        return fail(std::move(endorsement).error().during("whether a maker who is believed vouches for the TPM"));
    }
    // The certificate's key with the maker's template, whatever else the request says of it.
    BERTH_TRY(ek, attestation::ek_from_spki(endorsement->leaf().spki()));
    BERTH_TRY(shown, attestation::public_area::parse(request.endorsement_key));
    BERTH_TRY(shown_spki, shown.spki());
    if (!same_octets(shown_spki, endorsement->leaf().spki())) {
        return refuse("ek_mismatch", "The endorsement key of the request is not the one of its certificate.");
    }
    BERTH_TRY(area, attestation::public_area::parse(request.attestation_key));
    BERTH_TRY(ak, attestation::attestation_key::accept(area));
    if (!same_octets(ak.key().spki(), csr_spki)) {
        if (!request.resident) {
            return refuse("key_not_shown", "The PKCS#10 is another key's than the attestation key's, and nothing in the request "
                                           "says that it is in the same TPM.");
        }
        BERTH_TRY(key, attestation::public_area::parse(request.resident->key));
        BERTH_TRY(spki, key.spki());
        if (!same_octets(spki, csr_spki)) {
            return refuse("key_mismatch", "The key that the TPM certifies is not the one of the PKCS#10.");
        }
        BERTH_CHECK(attestation::verify_certify(request.resident->said, ak, certify_with(request.csr), key));
    }
    return endorsed_key(std::move(*endorsement), std::move(ek), ak.area().name(), to_bytes(csr_spki));
}

result<tpm_answer> endorsed_key::seal(const pki::certificate& issued, random_source& random) const {
    if (!same_octets(issued.spki(), spki_)) {
        return fail(error_category::internal, "wrong_key", "The authority has issued a certificate for another key.");
    }
    secret_bytes key(pki::envelope_key_octets);
    random.fill(key.writable());
    tpm_answer out;
    BERTH_TRY(credential, attestation::make_credential(ek_, name_, key.reveal(), random));
    out.credential = std::move(credential);
    BERTH_TRY(envelope, pki::seal_envelope(issued.der(), key, as_bytes(key_name)));
    out.envelope = std::move(envelope);
    return out;
}

}  // namespace berth::est
