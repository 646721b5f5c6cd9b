#include "attestation/attest.h"

namespace berth::attestation {

namespace {

// Part 2, 6.2 and 6.9.
constexpr uint32_t generated_value = 0xff544347;  // "\xffTCG"
constexpr uint16_t tag_certify = 0x8017;
constexpr uint16_t tag_quote = 0x8018;
constexpr size_t most_name = 2 + crypto::max_hash_size;
constexpr size_t most_banks = 16;

constexpr std::string_view structure = "attestation";
constexpr std::string_view signature_structure = "signature";

certify_info read_certify(wire::reader& in) {
    certify_info out;
    out.name = to_bytes(read_2b(in, most_name));
    out.qualified_name = to_bytes(read_2b(in, most_name));
    return out;
}

pcr_selection read_selection(wire::reader& in) {
    pcr_selection out;
    out.bank = static_cast<tpm_alg>(in.integer(2));
    const bytes_view bits = in.vector(1, 0, 4);
    for (size_t i = 0; i < 8 * bits.size(); ++i) {
        if ((bits[i / 8] >> (i % 8) & 1) != 0) {
            out.registers.push_back(static_cast<uint8_t>(i));
        }
    }
    return out;
}

quote_info read_quote(wire::reader& in) {
    quote_info out;
    const auto count = static_cast<size_t>(in.integer(4));
    if (count > most_banks) {
        in.fault("it has more selections of registers than there are banks");
    }
    for (size_t i = 0; in.ok() && i < count; ++i) {
        out.selected.push_back(read_selection(in));
    }
    out.digest = to_bytes(read_2b(in, crypto::max_hash_size));
    return out;
}

tpm_alg hash_in(crypto::signature_algorithm alg) {
    return alg == crypto::signature_algorithm::ecdsa_p256_sha256 ? tpm_alg::sha256 : tpm_alg::sha384;
}

}  // namespace

result<attest> attest::parse(bytes_view octets) {
    wire::reader in(octets);
    // "TPM_GENERATED_VALUE": what says that the TPM made this itself, and was not made to sign it.
    if (in.integer(4) != generated_value) {
        return fail(malformed(structure, "it does not begin as what a TPM makes itself does."));
    }
    const auto tag = static_cast<uint16_t>(in.integer(2));
    if (in.ok() && tag != tag_certify && tag != tag_quote) {
        return fail(error_category::incompatible, "tpm_unsupported",
                    "A TPM's attestation is neither the certification of a key nor a quote of its registers.");
    }
    attest out;
    out.qualified_signer = to_bytes(read_2b(in, most_name));
    out.extra_data = to_bytes(read_2b(in, crypto::max_hash_size + 2));
    out.clock.clock = in.integer(8);
    out.clock.reset_count = static_cast<uint32_t>(in.integer(4));
    out.clock.restart_count = static_cast<uint32_t>(in.integer(4));
    out.clock.safe = in.integer(1) == 1;
    out.firmware_version = in.integer(8);
    if (tag == tag_certify) {
        out.said = read_certify(in);
    } else {
        out.said = read_quote(in);
    }
    if (in.ok() && in.left() != 0) {
        in.fault("octets are left over at the end");
    }
    if (!in.ok()) {
        return fail(malformed(structure, in));
    }
    return out;
}

result<bytes> ecdsa_signature_der(bytes_view signature, crypto::signature_algorithm alg) {
    const auto curve = curve_of(alg);
    wire::reader in(signature);
    const auto scheme = static_cast<tpm_alg>(in.integer(2));
    const auto hash = static_cast<tpm_alg>(in.integer(2));
    if (in.ok() && (!curve || scheme != tpm_alg::ecdsa || hash != hash_in(alg))) {
        return fail(error_category::incompatible, "tpm_unsupported",
                    "A TPM's signature is not ECDSA with the hash that belongs to its key's curve.");
    }
    const size_t size = curve ? field_size(*curve) : 0;
    bytes raw(2 * size);
    for (size_t i = 0; i < 2; ++i) {
        const bytes_view number = read_2b(in, size);
        std::copy(number.begin(), number.end(), raw.begin() + static_cast<std::ptrdiff_t>((i + 1) * size - number.size()));
    }
    if (in.ok() && in.left() != 0) {
        in.fault("octets are left over at the end");
    }
    if (!in.ok()) {
        return fail(malformed(signature_structure, in));
    }
    return crypto::ecdsa_raw_to_der(alg, raw);
}

result<bytes> ecdsa_signature_tpm(bytes_view der, crypto::signature_algorithm alg) {
    BERTH_TRY(raw, crypto::ecdsa_der_to_raw(alg, der));
    bytes out;
    wire::writer w(out);
    w.integer(static_cast<uint16_t>(tpm_alg::ecdsa), 2);
    w.integer(static_cast<uint16_t>(hash_in(alg)), 2);
    write_2b(w, bytes_view(raw).first(raw.size() / 2));
    write_2b(w, bytes_view(raw).subspan(raw.size() / 2));
    return out;
}

}  // namespace berth::attestation
