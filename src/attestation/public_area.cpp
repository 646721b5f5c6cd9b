#include "attestation/public_area.h"

#include "crypto/der_openssl.h"

namespace berth::attestation {

namespace {

constexpr std::string_view structure = "public area";
constexpr size_t most_octets = 512;  // of any sized field: an RSA modulus of 4096 bits

tl::unexpected<error> unsupported(std::string_view what) {
    return fail(error{error_category::incompatible, "tpm_unsupported",
                      "A TPM object is of a kind that Berth does not use: " + std::string(what) + "."}
                    .with("what", std::string(what)));
}

tpm_alg read_alg(wire::reader& in) {
    return static_cast<tpm_alg>(in.integer(2));
}

void write_alg(wire::writer& out, tpm_alg alg) {
    out.integer(static_cast<uint16_t>(alg), 2);
}

// TPMT_SYM_DEF_OBJECT (Part 2, 11.1.7). False: a cipher that we do not know.
bool read_symmetric(wire::reader& in, public_area& out) {
    const tpm_alg cipher = read_alg(in);
    if (cipher == tpm_alg::null) {
        return true;
    }
    out.aes_bits = static_cast<uint16_t>(in.integer(2));
    return cipher == tpm_alg::aes && out.aes_bits != 0 && read_alg(in) == tpm_alg::cfb;
}

void write_symmetric(wire::writer& out, const public_area& from) {
    if (from.aes_bits == 0) {
        return write_alg(out, tpm_alg::null);
    }
    write_alg(out, tpm_alg::aes);
    out.integer(from.aes_bits, 2);
    write_alg(out, tpm_alg::cfb);
}

// TPMT_ASYM_SCHEME (Part 2, 11.2.3.6): the schemes that carry no more than a hash.
void read_scheme(wire::reader& in, public_area& out) {
    out.scheme = read_alg(in);
    if (out.scheme != tpm_alg::null) {
        out.scheme_hash = read_alg(in);
    }
}

void write_scheme(wire::writer& out, const public_area& from) {
    write_alg(out, from.scheme);
    if (from.scheme != tpm_alg::null) {
        write_alg(out, from.scheme_hash);
    }
}

bytes padded(bytes_view number, size_t size) {
    bytes out(size - std::min(size, number.size()));
    append(out, number);
    return out;
}

bytes integer_der(bytes_view magnitude) {
    static constexpr std::array<uint8_t, 1> sign_octet{0};
    const bool high = !magnitude.empty() && (magnitude[0] & 0x80) != 0;
    return crypto::der_tlv(0x02, {high ? bytes_view(sign_octet) : bytes_view(), magnitude});
}

}  // namespace

result<public_area> public_area::parse(bytes_view octets) {
    wire::reader in(octets);
    public_area out;
    out.type = read_alg(in);
    out.name_alg = read_alg(in);
    out.attributes = static_cast<uint32_t>(in.integer(4));
    out.policy = to_bytes(read_2b(in, crypto::max_hash_size));
    if (in.ok() && !hash_of(out.name_alg)) {
        return unsupported("its Name is made with another hash than SHA-256, SHA-384 and SHA-512");
    }
    switch (out.type) {
    case tpm_alg::ecc:
        if (!read_symmetric(in, out)) {
            return unsupported("a symmetric cipher other than AES in CFB mode");
        }
        read_scheme(in, out);
        out.curve = static_cast<tpm_curve>(in.integer(2));
        if (in.ok() && field_size(out.curve) == 0) {
            return unsupported("a curve other than P-256 and P-384");
        }
        if (read_alg(in) != tpm_alg::null) {
            return unsupported("an elliptic curve key with a key derivation of its own");
        }
        out.x = to_bytes(read_2b(in, field_size(out.curve)));
        out.y = to_bytes(read_2b(in, field_size(out.curve)));
        break;
    case tpm_alg::rsa:
        if (!read_symmetric(in, out)) {
            return unsupported("a symmetric cipher other than AES in CFB mode");
        }
        read_scheme(in, out);
        out.rsa_bits = static_cast<uint16_t>(in.integer(2));
        if (in.integer(4) != 0) {
            return unsupported("an RSA key whose exponent is not 65537");
        }
        out.unique = to_bytes(read_2b(in, most_octets));
        break;
    case tpm_alg::keyedhash:
        if (read_alg(in) != tpm_alg::null) {
            return unsupported("a keyed hash object that is more than sealed data");
        }
        out.unique = to_bytes(read_2b(in, crypto::max_hash_size));
        break;
    default: return unsupported("neither an RSA key, nor an elliptic curve key, nor sealed data");
    }
    if (in.ok() && in.left() != 0) {
        in.fault("octets are left over at the end");
    }
    if (!in.ok()) {
        return fail(malformed(structure, in));
    }
    return out;
}

bytes public_area::encode() const {
    bytes out;
    wire::writer w(out);
    write_alg(w, type);
    write_alg(w, name_alg);
    w.integer(attributes, 4);
    write_2b(w, policy);
    if (type == tpm_alg::keyedhash) {
        write_alg(w, tpm_alg::null);
        write_2b(w, unique);
        return out;
    }
    write_symmetric(w, *this);
    write_scheme(w, *this);
    if (type == tpm_alg::rsa) {
        w.integer(rsa_bits, 2);
        w.integer(0, 4);
        write_2b(w, unique);
        return out;
    }
    w.integer(static_cast<uint16_t>(curve), 2);
    write_alg(w, tpm_alg::null);
    write_2b(w, x);
    write_2b(w, y);
    return out;
}

bytes public_area::name() const {
    bytes out;
    wire::writer w(out);
    write_alg(w, name_alg);
    w.octets(crypto::hash(hash_of(name_alg).value_or(crypto::hash_algorithm::sha256), encode()).view());
    return out;
}

result<bytes> public_area::spki() const {
    if (type == tpm_alg::rsa && !unique.empty()) {
        // RFC 8017 A.1: rsaEncryption with NULL parameters; RSAPublicKey ::= SEQUENCE { n, e }
        static constexpr std::array<uint8_t, 15> rsa_encryption{0x30, 13,   6, 9, 0x2a, 0x86, 0x48, 0x86,
                                                                0xf7, 0x0d, 1, 1, 1,    5,    0};
        static constexpr std::array<uint8_t, 3> exponent{1, 0, 1};
        return crypto::make_spki(rsa_encryption, crypto::der_tlv(0x30, {integer_der(unique), integer_der(exponent)}));
    }
    const size_t size = field_size(curve);
    if (type != tpm_alg::ecc || size == 0 || x.empty() || y.empty()) {
        return unsupported("an object that has no public key");
    }
    static constexpr std::array<uint8_t, 1> uncompressed{4};
    const bytes_view identifier =
        curve == tpm_curve::p256 ? bytes_view(crypto::algorithm_identifier::p256) : crypto::algorithm_identifier::p384;
    return crypto::make_spki(identifier, concat({uncompressed, padded(x, size), padded(y, size)}));
}

result<crypto::verification_key> public_area::verification_key() const {
    if (type != tpm_alg::ecc || (scheme != tpm_alg::null && scheme != tpm_alg::ecdsa)) {
        return unsupported("a key that makes no ECDSA signatures");
    }
    BERTH_TRY(der, spki());
    return crypto::verification_key::from_spki(der);
}

result<public_area> public_area_of(const crypto::verification_key& key) {
    const auto curve = curve_of(key.algorithm());
    if (!curve) {
        return unsupported("a key that is not ECDSA");
    }
    const size_t size = field_size(*curve);
    public_area out;
    out.curve = *curve;
    out.name_alg = *curve == tpm_curve::p256 ? tpm_alg::sha256 : tpm_alg::sha384;
    out.attributes = sign | user_with_auth;
    out.scheme = tpm_alg::ecdsa;
    out.scheme_hash = out.name_alg;
    out.x = to_bytes(key.raw().subspan(1, size));
    out.y = to_bytes(key.raw().subspan(1 + size));
    return out;
}

}  // namespace berth::attestation
