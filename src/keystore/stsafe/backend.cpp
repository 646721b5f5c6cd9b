#include "keystore/stsafe/backend.h"

#include "crypto/random.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/removal.h"
#include "keystore/stsafe/sealing.h"
#include "keystore/stsafe/uri.h"

namespace berth::keystore::stsafe {

namespace {

struct named_chip {
    std::shared_ptr<device> chip;
    key_place place;
};

result<named_chip> chip_of(const std::string& rest, const open_options& options) {
    BERTH_TRY(name, parse_name(rest));
    BERTH_TRY(chip, open_chip(name, options));
    return named_chip{std::move(chip), name.place};
}

class opened_element final : public holder {
public:
    explicit opened_element(named_chip in) : in_(std::move(in)) {}

    result<secret_bytes> random(size_t size) const override {
        constexpr size_t most_at_once = 255;
        secret_bytes out;
        while (out.size() < size) {
            const auto wanted = static_cast<uint8_t>(std::min(most_at_once, size - out.size()));
            BERTH_TRY(drawn, in_.chip->run(generate_random{0, wanted}));
            if (drawn.octets.value.size() != wanted) {
                return fail(error_category::environment, "stsafe_wrong_answer",
                            "The STSAFE-A gave another number of random octets.");
            }
            out.append(drawn.octets.value.reveal());
        }
        return out;
    }
    result<bytes> seal(const secret_bytes& secret) const override { return seal_in(*in_.chip, in_.place.envelope, secret); }
    result<secret_bytes> unseal(bytes_view sealed) const override { return unseal_in(*in_.chip, in_.place.envelope, sealed); }

private:
    named_chip in_;
};

class element final : public backend {
public:
    const backend_abilities& able() const override {
        static const backend_abilities all{
            .name = "stsafe",
            .signing = {crypto::signature_algorithm::ecdsa_p256_sha256, crypto::signature_algorithm::ecdsa_p384_sha384},
            .kem = {crypto::kem_algorithm::mlkem768_p256, crypto::kem_algorithm::mlkem1024_p384},
            .agreement = {crypto::agreement_group::p256, crypto::agreement_group::p384},
            .remove = true,
            .random = true,
            .seal = true};
        return all;
    }

    result<signing_key_ptr> open_signing_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(in, chip_of(rest, options));
        return stsafe::open_signing_key(std::move(in.chip), in.place, crypto::system_random());
    }
    result<kem_key_ptr> open_kem_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(in, chip_of(rest, options));
        return stsafe::open_kem_key(std::move(in.chip), in.place, crypto::system_random());
    }

    result<agreement_key_ptr> open_agreement_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(in, chip_of(rest, options));
        return stsafe::open_agreement_key(std::move(in.chip), in.place, crypto::system_random());
    }
    result<agreement_key_ptr> make_agreement_key(const std::string& rest, crypto::agreement_group group,
                                                 const open_options& options) const override {
        BERTH_TRY(in, chip_of(rest, options));
        BERTH_CHECK(check_vacant(*in.chip, in.place));
        BERTH_CHECK(check_no_identity(*in.chip, in.place));
        return stsafe::make_agreement_key(std::move(in.chip), in.place, group);
    }

    result<signing_key_ptr> make_signing_key(const std::string& rest, crypto::signature_algorithm alg,
                                             const open_options& options) const override {
        BERTH_TRY(in, chip_of(rest, options));
        BERTH_CHECK(check_vacant(*in.chip, in.place));
        BERTH_CHECK(check_no_identity(*in.chip, in.place));
        return stsafe::make_signing_key(std::move(in.chip), in.place, alg);
    }
    result<kem_key_ptr> make_kem_key(const std::string& rest, crypto::kem_algorithm alg,
                                     const open_options& options) const override {
        BERTH_TRY(in, chip_of(rest, options));
        BERTH_CHECK(check_vacant(*in.chip, in.place));
        BERTH_CHECK(check_no_identity(*in.chip, in.place));
        return stsafe::make_kem_key(std::move(in.chip), in.place, alg, crypto::system_random());
    }

    result<void> remove(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(in, chip_of(rest, options));
        return remove_key(*in.chip, in.place);
    }

    result<std::string> certified(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(in, chip_of(rest, options));
        return subject_in(*in.chip, in.place.zone);
    }

    result<holder_ptr> open_holder(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(in, chip_of(rest, options));
        return std::make_shared<const opened_element>(std::move(in));
    }
};

}  // namespace

const backend& stsafe_backend() {
    static const element one;
    return one;
}

}  // namespace berth::keystore::stsafe
