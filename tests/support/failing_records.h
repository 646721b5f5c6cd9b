// A MASA's records that fail when a test wants it, as a store does that is busy or has no room.
#pragma once

#include "onboarding/masa/records.h"

namespace berth::test {

class failing_records final : public onboarding::masa_records {
public:
    explicit failing_records(onboarding::masa_records& real) : real_(real) {}

    // The next call of this function, and of no other.
    void fail_next(std::string function) { failing_ = std::move(function); }
    [[nodiscard]] bool has_failed() const { return failing_.empty(); }

    result<std::vector<onboarding::customer_record>> customers() override { return pass("customers", &records::customers); }
    result<uint64_t> trust_generation() override { return pass("trust_generation", &records::trust_generation); }
    result<std::vector<onboarding::hash_field>> registered_root_keys() override {
        return pass("registered_root_keys", &records::registered_root_keys);
    }
    result<void> put_kk3(const onboarding::waiting_kk3& kk3) override { return pass("put_kk3", &records::put_kk3, kk3); }
    result<void> forget_kk3s() override { return pass("forget_kk3s", &records::forget_kk3s); }
    result<std::optional<onboarding::waiting_kk3>> find_kk3(const onboarding::kk3_id_field& id, unix_seconds now) override {
        return pass("find_kk3", &records::find_kk3, id, now);
    }
    result<std::optional<onboarding::stored_authorization>> find_authorization(const onboarding::kk3_id_field& id) override {
        return pass("find_authorization", &records::find_authorization, id);
    }
    result<onboarding::authorization_outcome> authorize(const onboarding::authorization_attempt& attempt) override {
        return pass("authorize", &records::authorize, attempt);
    }
    result<onboarding::authorization_verdict> check_again(const onboarding::stored_authorization& stored,
                                                          const std::string& customer, unix_seconds now) override {
        return pass("check_again", &records::check_again, stored, customer, now);
    }
    result<void> erase_voucher(const onboarding::kk3_id_field& id) override {
        return pass("erase_voucher", &records::erase_voucher, id);
    }
    result<bool> device_known(const onboarding::device_identity& device) override {
        return pass("device_known", &records::device_known, device);
    }
    result<std::string> manufacturer_configuration(const onboarding::device_identity& device) override {
        return pass("manufacturer_configuration", &records::manufacturer_configuration, device);
    }
    result<std::vector<std::string>> registrars_of(const onboarding::device_identity& device, unix_seconds now) override {
        return pass("registrars_of", &records::registrars_of, device, now);
    }
    result<onboarding::result_verdict> store_result(const onboarding::kk3_id_field& id, const std::string& customer,
                                                    bool installed, const std::string& refusal, unix_seconds now) override {
        return pass("store_result", &records::store_result, id, customer, installed, refusal, now);
    }
    result<onboarding::release_verdict> release(const onboarding::device_identity& device, const std::string& customer,
                                                const std::string& successor, unix_seconds now) override {
        return pass("release", &records::release, device, customer, successor, now);
    }
    result<bool> still_assigned(const onboarding::device_identity& device, const std::string& customer,
                                unix_seconds now) override {
        return pass("still_assigned", &records::still_assigned, device, customer, now);
    }
    result<uint64_t> ownership_generation() override { return pass("ownership_generation", &records::ownership_generation); }
    result<void> audit(const onboarding::audit_event& event) override { return pass("audit", &records::audit, event); }

private:
    using records = onboarding::masa_records;

    template <class R, class... P, class... A>
    R pass(std::string_view name, R (records::*function)(P...), const A&... arguments) {
        if (failing_ == name) {
            failing_.clear();
            return fail(error_category::environment, "store_busy", "the database is locked by another process; try again");
        }
        return (real_.*function)(arguments...);
    }

    records& real_;
    std::string failing_;
};

}  // namespace berth::test
